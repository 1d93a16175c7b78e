'use strict';
// The picture: libraries by rights, drawn from the JSON in #data (written by core/emit/heatmap.cc). Text only ever enters
// the page through textContent: names of libraries and functions come from the program that was watched.
const data = JSON.parse(document.getElementById('data').textContent);
const PHASES = ['init', 'serving'], ROLES = ['caller', 'stack', 'spawned'];
const FIXED = ['application', 'runtime', 'startup', 'unknown'];
const byId = id => document.getElementById(id);
const state = {search: '', sort: 'danger', open: new Set(), selected: null, cursor: [0, 0]};

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'class') node.className = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  for (const child of children) if (child != null) node.append(child);
  return node;
}
const plural = (n, one, many) => `${n.toLocaleString('en')} ${n === 1 ? one : many || one + 's'}`;
const short = n => n < 1e3 ? `${n}` : n < 1e4 ? `${(n / 1e3).toFixed(1)}k` : n < 1e6 ? `${Math.round(n / 1e3)}k` : `${Math.round(n / 1e6)}M`;
const bucket = n => n < 3 ? 1 : n < 10 ? 2 : n < 100 ? 3 : n < 1000 ? 4 : 5;

// ---- the model: rows with one entry per right and phase, summed up to groups ----
const groupOf = [];
data.groups.forEach((group, g) => group.rights.forEach(r => { groupOf[r] = g; }));
const blank = () => ({count: [0, 0, 0], denied: false, granted: false, events: 0, samples: new Set()});
function nameParts(purl) {
  if (!purl.startsWith('pkg:')) return {kind: '', name: purl, version: ''};
  const match = /^pkg:([^/]+)\/(.*?)(?:@([^?]*))?(?:\?.*)?$/.exec(purl);
  return match ? {kind: match[1], name: decodeURIComponent(match[2]), version: match[3] || ''} : {kind: '', name: purl, version: ''};
}
const rows = data.libraries.map((library, index) => {
  const row = {index, purl: library.purl, ...nameParts(library.purl), right: [[], []], group: [[], []], calls: 0, events: 0};
  for (const phase of [0, 1]) {
    row.group[phase] = data.groups.map((_, g) => ({...blank(), granted: data.policy ? library.groups[phase][g] !== '0' : false}));
    row.right[phase] = data.rights.map((_, r) => ({...blank(), granted: data.policy ? library.rights[phase][r] !== '0' : false}));
  }
  for (const [r, phase, caller, stack, spawned, denied, ...samples] of library.cells)
    for (const cell of [row.right[phase][r], row.group[phase][groupOf[r]]]) {
      [caller, stack, spawned].forEach((n, i) => { cell.count[i] += n; });
      cell.denied = cell.denied || !!denied;
      samples.forEach(s => cell.samples.add(s));
    }
  row.calls = library.cells.reduce((sum, cell) => sum + cell[2] + cell[3], 0);
  return row;
});
data.events.forEach((event, i) => event.culprits.forEach(([library]) => {
  const row = rows[library], cells = [row.right[event.phase][event.right], row.group[event.phase][groupOf[event.right]]];
  cells.forEach(cell => { cell.events += event.count; });
  row.events += event.count;
}));
const seen = cell => cell.count[0] + cell.count[1] + cell.count[2] > 0;
const total = cell => cell.count[0] + cell.count[1] + cell.count[2];
const holders = data.rights.map((_, r) => rows.filter(row => seen(row.right[0][r]) || seen(row.right[1][r])).length);
for (const row of rows) {
  row.danger = row.distinct = 0;
  data.rights.forEach((_, r) => {
    const caller = row.right[0][r].count[0] + row.right[1][r].count[0];
    if (!seen(row.right[0][r]) && !seen(row.right[1][r])) return;
    row.distinct += Math.log((rows.length + 1) / holders[r]);
    if (data.groups[groupOf[r]].dangerous) row.danger += caller ? 1000 : 1;
  });
  row.danger += row.events * 1e6;
}

// ---- columns and rows on show ----
function columns() {
  const list = [];
  data.groups.forEach((group, g) => {
    const open = state.open.has(g);
    list.push({group: g, right: null, open, danger: group.dangerous, edge: open || g === dangerousGroups});
    if (open) group.rights.forEach(r => list.push({group: g, right: r, danger: group.dangerous}));
  });
  return list;
}
const dangerousGroups = data.groups.filter(group => group.dangerous).length;
const cellOf = (row, column, phase) => column.right == null ? row.group[phase][column.group] : row.right[phase][column.right];
function matches(row) {
  return state.search.toLowerCase().split(/\s+/).filter(Boolean).every(word => {
    if (row.purl.toLowerCase().includes(word)) return true;
    const does = cells => [0, 1].some(phase => seen(cells(phase)) || cells(phase).events);
    return data.groups.some((group, g) => group.name.includes(word) && does(phase => row.group[phase][g])) ||
      data.rights.some((right, r) => right.includes(word) && does(phase => row.right[phase][r]));
  });
}
const place = row => row.purl === 'application' ? 0 : FIXED.includes(row.purl) ? 2 : 1;
const orders = {
  name: (a, b) => a.name.localeCompare(b.name) || a.purl.localeCompare(b.purl),
  danger: (a, b) => b.danger - a.danger || b.calls - a.calls || orders.name(a, b),
  distinct: (a, b) => b.distinct - a.distinct || orders.name(a, b),
};
const visibleRows = () => rows.filter(matches).sort((a, b) => place(a) - place(b) || orders[state.sort](a, b));

// ---- words for one half-cell ----
function say(cell) {
  const parts = [];
  if (cell.count[0]) parts.push(`as caller ${cell.count[0].toLocaleString('en')}`);
  if (cell.count[1]) parts.push(`on the stack ${cell.count[1].toLocaleString('en')}`);
  if (cell.count[2]) parts.push(`spawned ${cell.count[2].toLocaleString('en')}`);
  if (!parts.length) parts.push(!data.policy ? 'never' : cell.granted ? 'granted, not seen' : 'never, not granted');
  else if (data.policy) parts.push(cell.denied ? 'the policy denies' : 'allowed');
  if (cell.events) parts.push(plural(cell.events, 'deviation'));
  return parts.join(', ');
}
const columnName = column => column.right == null ? data.groups[column.group].name : data.rights[column.right];
const describe = (row, column) => PHASES.map((phase, p) => `${phase}: ${say(cellOf(row, column, p))}`).join('\n');

function half(cell, danger) {
  const classes = ['half'];
  if (seen(cell)) classes.push(ROLES[cell.count.findIndex(n => n > 0)], (danger ? 'w' : 'b') + bucket(total(cell)));
  else classes.push(data.policy && cell.granted ? 'granted' : 'never');
  if (cell.denied) classes.push('denied');
  if (cell.events) classes.push('event');
  const node = el('span', {class: classes.join(' ')});
  if (seen(cell)) node.append(el('u', {}, short(total(cell))));
  return node;
}

// ---- drawing ----
function drawHead(list) {
  const bands = el('tr', {class: 'bands'}, el('th', {class: 'name'}));
  const wide = list.filter(column => column.danger).length;
  if (wide) bands.append(el('th', {class: 'danger', colspan: wide, scope: 'colgroup'}, 'Dangerous'));
  if (list.length > wide) bands.append(el('th', {class: 'edge', colspan: list.length - wide, scope: 'colgroup'}, 'Other'));
  bands.append(el('th', {class: 'sum'}));
  const line = el('tr', {class: 'groups'}, el('th', {class: 'name', scope: 'col'}, 'library'));
  list.forEach((column, i) => {
    const group = data.groups[column.group];
    const attributes = {class: (column.right == null ? column.open ? 'open' : '' : 'right') + (column.edge ? ' edge' : ''), scope: 'col', 'data-column': i};
    if (column.right != null) {
      line.append(el('th', attributes, el('span', {class: 'label'}, data.rights[column.right])));
      return;
    }
    const none = group.rights.length === 0;
    const button = el('button', {class: 'label', type: 'button', disabled: none, 'aria-expanded': none ? null : String(column.open), 'data-group': column.group,
      title: `${group.about}\n${group.rights.length} of its ${plural(group.total, 'right')} seen`, onclick: () => toggle(column.group)});
    if (!none) button.append(el('span', {class: 'turn', 'aria-hidden': 'true'}, column.open ? '▾' : '▸'));
    button.append(group.name);
    line.append(el('th', attributes, button));
  });
  line.append(el('th', {class: 'sum', scope: 'col'}, 'calls'));
  byId('head').replaceChildren(bands, line);
}
function drawRow(row, list, index, previous) {
  const name = el('div', {class: 'in', title: row.purl}, el('span', {class: 'kind'}, row.kind), el('b', {}, row.name), el('i', {}, row.version));
  const line = el('tr', {'data-library': row.purl}, el('th', {class: 'name', scope: 'row'}, name));
  if (previous && place(previous) !== place(row)) line.className = 'gap';
  list.forEach((column, i) => {
    const selected = state.selected && state.selected.row === row && columnName(state.selected.column) === columnName(column);
    const cell = el('td', {role: 'gridcell', tabindex: '-1', 'data-row': index, 'data-column': i, 'aria-selected': selected ? 'true' : null,
      class: 'cell' + (column.danger ? ' danger' : '') + (column.edge ? ' edge' : '') + (column.right != null ? ' part' : ''),
      'aria-label': `${row.purl}, ${columnName(column)}. ${describe(row, column).replace('\n', '; ')}`});
    cell.append(el('span', {class: 'pair'}, half(cellOf(row, column, 0), column.danger), half(cellOf(row, column, 1), column.danger)));
    line.append(cell);
  });
  line.append(el('td', {class: 'sum'}, short(row.calls)));
  return line;
}
let drawn = {rows: [], columns: []};
function draw() {
  drawn = {rows: visibleRows(), columns: columns()};
  drawHead(drawn.columns);
  byId('body').replaceChildren(...drawn.rows.map((row, i) => drawRow(row, drawn.columns, i, drawn.rows[i - 1])));
  byId('nothing').hidden = drawn.rows.length > 0;
  byId('shown').textContent = drawn.rows.length === rows.length ? plural(rows.length, 'library', 'libraries') : `${drawn.rows.length} of ${plural(rows.length, 'library', 'libraries')}`;
  byId('expand').textContent = state.open.size ? 'Collapse all groups' : 'Expand all groups';
  byId('expand').setAttribute('aria-pressed', String(state.open.size > 0));
  move(state.cursor[0], state.cursor[1], false);
}
function toggle(group) {
  state.open.has(group) ? state.open.delete(group) : state.open.add(group);
  draw();
  const button = document.querySelector(`[data-group="${group}"]`);
  if (button) button.focus();
}
const tdAt = (r, c) => document.querySelector(`td[data-row="${r}"][data-column="${c}"]`);
function move(r, c, focus = true) {
  const old = document.querySelector('td[tabindex="0"]');
  if (old) old.tabIndex = -1;
  state.cursor = [Math.max(0, Math.min(r, drawn.rows.length - 1)), Math.max(0, Math.min(c, drawn.columns.length - 1))];
  const cell = tdAt(...state.cursor);
  if (!cell) return;
  cell.tabIndex = 0;
  if (!focus) return;
  cell.focus({preventScroll: true});
  cell.scrollIntoView({block: 'nearest', inline: 'nearest'});
}

// ---- the panel: exact rights, deviations, sample stacks of one cell ----
function frameList(frames, purl, more) {
  const list = el('ol', {});
  for (const f of frames) {
    const [library, name] = data.frames[f], owner = data.text[library];
    list.append(el('li', {class: owner === purl ? 'me' : ''}, el('span', {class: 'lib'}, nameParts(owner).name), el('code', {}, name || '(no name)')));
  }
  if (more) list.append(el('li', {class: 'note'}, `${plural(more, 'more frame')} outward`));
  return list;
}
function rightsTable(row, column) {
  const rights = column.right == null ? data.groups[column.group].rights : [column.right];
  const body = el('tbody', {});
  for (const r of rights) for (const p of [0, 1]) {
    const cell = row.right[p][r];
    if (!seen(cell) && !cell.events) continue;
    body.append(el('tr', {}, el('td', {}, el('code', {}, data.rights[r])), el('td', {}, PHASES[p]), ...cell.count.map(n => el('td', {}, n ? n.toLocaleString('en') : '–')),
      data.policy ? el('td', {class: cell.denied ? 'no' : ''}, !seen(cell) ? '–' : cell.denied ? '✕ denied' : 'allowed') : null));
  }
  if (!body.children.length) return null;
  const titles = ['right', 'phase', 'caller', 'stack', 'spawned'].concat(data.policy ? ['policy'] : []);
  return el('table', {}, el('thead', {}, el('tr', {}, ...titles.map(title => el('th', {scope: 'col'}, title)))), body);
}
function sampleCard(index, purl) {
  const [right, phase, caller, program, count, more, frames] = data.samples[index];
  return el('div', {class: 'sample'},
    el('div', {class: 'what'}, el('code', {}, data.rights[right]), el('span', {class: 'note'}, `${PHASES[phase]}, ${plural(count, 'time')}`)),
    frames.length ? frameList(frames, purl, more) : el('p', {}, 'No frames: the program itself made the call.'),
    el('div', {class: 'note'}, `caller ${data.text[caller]}, program ${data.text[program]}`));
}
function eventCard(event, purl) {
  const verb = {deny: 'refused', kill: 'killed', log: 'logged'}[event.action] || event.action;
  return el('div', {class: 'sample dev'},
    el('div', {class: 'what'}, el('code', {}, data.rights[event.right]), el('span', {class: 'no'}, `${verb}, ${plural(event.count, 'time')}`)),
    el('div', {class: 'note'}, 'culprits: ' + event.culprits.map(([library, role]) => `${rows[library].purl} (${role})`).join(', ')),
    frameList(event.frames, purl, event.more),
    el('div', {class: 'note'}, `${event.time} · ${event.id}`),
    event.grant ? el('div', {class: 'note'}, 'would allow it: ', el('code', {}, event.grant)) : null);
}
function show(row, column) {
  state.selected = {row, column};
  for (const cell of document.querySelectorAll('td[aria-selected]')) cell.removeAttribute('aria-selected');
  const cell = tdAt(...state.cursor);
  if (cell) cell.setAttribute('aria-selected', 'true');
  const panel = byId('panel'), group = data.groups[column.group], cells = [0, 1].map(p => cellOf(row, column, p));
  const samples = [...new Set(cells.flatMap(c => [...c.samples]))].sort((a, b) => a - b);
  const events = data.events.filter(event => event.culprits.some(([library]) => library === row.index) &&
    (column.right == null ? groupOf[event.right] === column.group : event.right === column.right));
  const table = rightsTable(row, column);
  panel.replaceChildren(
    el('div', {class: 'head'}, el('h2', {id: 'panel-title'}, `${row.name} ${row.version}`), el('button', {class: 'quiet', type: 'button', onclick: hide}, 'Close')),
    el('p', {}, el('code', {}, columnName(column)), `  ${group.about}`),
    table || el('p', {}, !data.policy ? 'Never seen.' : cells.some(c => c.granted) ? 'Granted by the policy, never seen.' : 'Never seen, and the policy does not grant it.'));
  if (events.length) panel.append(el('h3', {}, 'Deviations'), ...events.map(event => eventCard(event, row.purl)));
  if (samples.length) panel.append(el('h3', {}, 'Stacks, innermost frame first'), ...samples.map(s => sampleCard(s, row.purl)));
  else if (table && !events.length) panel.append(el('p', {}, 'No stack is kept here for this cell; the profile has it.'));
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.focus();
}
function hide() {
  if (byId('panel').hidden) return;
  byId('panel').hidden = true;
  state.selected = null;
  for (const cell of document.querySelectorAll('td[aria-selected]')) cell.removeAttribute('aria-selected');
  move(...state.cursor);
}

// ---- header, legend, theme ----
function drawFacts() {
  const facts = [[rows.filter(row => !FIXED.includes(row.purl)).length, 'libraries'], [data.rights.length, 'rights seen'],
    [rows.reduce((n, row) => n + data.groups.filter((group, g) => group.dangerous && (seen(row.group[0][g]) || seen(row.group[1][g]))).length, 0), 'dangerous library × group pairs'],
    [data.calls, 'calls']];
  const list = facts.map(([n, text]) => el('li', {}, el('b', {}, n.toLocaleString('en')), text));
  const deviations = data.events.reduce((n, event) => n + event.count, 0);
  if (data.events.length) list.push(el('li', {class: 'alarm'}, el('b', {}, deviations.toLocaleString('en')), 'deviations'));
  const lost = Object.entries(data.lost).filter(([, n]) => n > 0);
  list.push(el('li', {class: lost.length ? 'alarm' : ''}, lost.length ? 'incomplete: ' + lost.map(([cause, n]) => `${cause} ${n}`).join(', ') : 'complete: nothing was lost'));
  byId('facts').replaceChildren(...list);
  const about = [data.title, data.command, data.runtimes, data.kernel && `Linux ${data.kernel}`, plural(data.runs, 'run'),
    data.policy ? `policy in mode ${data.policy}` : 'no policy'];
  byId('subject').textContent = about.filter(Boolean).join(' · ');
}
function drawLegend() {
  const mark = (classes, text) => el('span', {}, el('i', {class: 'half ' + classes}), text);
  const scale = kind => el('span', {class: 'pair'}, ...[1, 2, 3, 4, 5].map(n => el('i', {class: `half caller ${kind}${n}`})));
  byId('legend').replaceChildren(
    el('span', {}, el('span', {class: 'pair'}, el('i', {class: 'half caller b3'}), el('i', {class: 'half caller b2'})), 'left half init, right half serving'),
    mark('caller b4', 'as caller'), mark('stack b4', 'on the stack'), mark('spawned b4', 'spawned the program'),
    el('span', {}, scale('b'), 'few to many calls'), el('span', {}, scale('w'), 'in a dangerous group'), mark('never', 'never'),
    ...(data.policy ? [mark('granted', 'granted, not seen'), mark('caller w3 denied', 'seen, the policy denies')] : []),
    ...(data.events.length ? [mark('caller w3 event', 'deviation')] : []));
}
const themes = ['auto', 'light', 'dark'];
function setTheme(name) {
  if (name === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = name;
  byId('theme').textContent = `Theme: ${name}`;
  try { localStorage.setItem('libguard-theme', name); } catch (error) { /* file:// may have no storage */ }
  state.theme = name;
}

// ---- events ----
const hit = event => { const cell = event.target.closest('td.cell'); return cell && [+cell.dataset.row, +cell.dataset.column]; };
byId('body').addEventListener('click', event => {
  const at = hit(event);
  if (at) { move(...at); show(drawn.rows[at[0]], drawn.columns[at[1]]); }
});
byId('body').addEventListener('keydown', event => {
  const at = hit(event);
  if (!at) return;
  const [r, c] = at, steps = {ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1],
    Home: [r, 0], End: [r, drawn.columns.length - 1], PageUp: [r - 10, c], PageDown: [r + 10, c]};
  if (steps[event.key]) { event.preventDefault(); move(...steps[event.key]); }
  if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); show(drawn.rows[r], drawn.columns[c]); }
});
function light(column) {
  for (const th of document.querySelectorAll('th.lit')) th.classList.remove('lit');
  const th = column != null && document.querySelector(`th[data-column="${column}"]`);
  if (th) th.classList.add('lit');
}
byId('body').addEventListener('mousemove', event => {
  const at = hit(event), tip = byId('tip');
  tip.hidden = !at;
  light(at && at[1]);
  if (!at) return;
  const row = drawn.rows[at[0]], column = drawn.columns[at[1]];
  tip.textContent = `${row.name} ${columnName(column)}\n${describe(row, column)}`;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8)}px`;
});
byId('body').addEventListener('mouseleave', () => { byId('tip').hidden = true; light(null); });
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') hide();
  if (event.key === '/' && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); byId('search').focus(); }
});
byId('search').addEventListener('input', event => { state.search = event.target.value; draw(); });
byId('sort').addEventListener('change', event => { state.sort = event.target.value; draw(); });
byId('counts').addEventListener('change', event => document.body.classList.toggle('counts', event.target.checked));
byId('expand').addEventListener('click', () => {
  if (state.open.size) state.open.clear();
  else data.groups.forEach((group, g) => { if (group.rights.length) state.open.add(g); });
  draw();
});
byId('theme').addEventListener('click', () => setTheme(themes[(themes.indexOf(state.theme) + 1) % themes.length]));
let saved = null;
try { saved = localStorage.getItem('libguard-theme'); } catch (error) { /* file:// may have no storage */ }
setTheme(themes.includes(saved) ? saved : 'auto');
drawFacts();
drawLegend();
draw();
