// SPDX-License-Identifier: Apache-2.0
// YAML by yaml-cpp (JSON is YAML too), turned into JSON values: one reader, one schema.
//
// Way:     a policy file -> *document* -> schema -> policy.
// Thread:  pure functions.
// Failure: see document.h.
#include "core/policy/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "core/event/format.h"

namespace libguard {
namespace {

using nlohmann::json;

constexpr size_t kMaxNodes = 200000;  // aliases can multiply a small text
constexpr int kMaxDepth = 40;
constexpr size_t kMaxText = size_t{16} << 20;

class Converter {
 public:
  Converter(const std::string& name, Document& document) : name_(name), document_(document) {}

  Result<json> convert(const YAML::Node& node, const std::string& pointer, int depth) {
    int line = node.Mark().line + 1;
    if (++nodes_ > kMaxNodes || depth > kMaxDepth)
      return fail(Code::kLimit, at(line) + "too many or too deeply nested values", "aliases (*name) may multiply them");
    document_.lines.emplace(pointer, line);
    if (node.IsMap()) return convert_map(node, pointer, depth);
    if (!node.IsSequence()) return convert_scalar(node, line);
    json list = json::array();
    for (size_t i = 0; i < node.size(); i++) {
      auto value = convert(node[i], pointer + "/" + std::to_string(i), depth + 1);
      if (!value) return value;
      list.push_back(std::move(*value));
    }
    return list;
  }

 private:
  std::string at(int line) const { return name_ + ":" + std::to_string(line) + ": "; }

  Result<json> convert_map(const YAML::Node& node, const std::string& pointer, int depth) {
    json map = json::object();
    for (const auto& pair : node) {
      int line = pair.first.Mark().line + 1;
      if (!pair.first.IsScalar())
        return fail(Code::kInvalid, at(line) + "a key that is no text", "keys are plain words or quoted texts");
      std::string key = pair.first.Scalar();
      if (printable(key, key.size()) != key)
        return fail(Code::kInvalid, at(line) + "a key with control characters or broken UTF-8", "write it anew");
      if (map.contains(key))
        return fail(Code::kInvalid, at(line) + "key '" + printable(key, 80) + "' is there twice", "join both into one");
      std::string below = (json::json_pointer(pointer) / key).to_string();
      document_.lines.emplace(below, line);
      auto value = convert(pair.second, below, depth + 1);
      if (!value) return value;
      map[key] = std::move(*value);
    }
    return map;
  }

  Result<json> convert_scalar(const YAML::Node& node, int line) {
    if (node.IsNull() || !node.IsDefined()) return json(nullptr);
    const std::string& text = node.Scalar();
    for (size_t i = 0, end = text.size(); i < end; i++)
      if (static_cast<unsigned char>(text[i]) >= 0x80) return checked_text(text, line);
    if (node.Tag() != "?") return json(text);  // quoted: a text whatever it looks like
    if (text == "true" || text == "false") return json(text == "true");
    bool digits = !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
    if (digits) return json(std::stoll(text));
    return json(text);
  }

  Result<json> checked_text(const std::string& text, int line) {
    try {
      (void)json(text).dump();
      return json(text);
    } catch (const json::exception&) {
      return fail(Code::kInvalid, at(line) + "broken UTF-8", "save the file as UTF-8");
    }
  }

  const std::string& name_;
  Document& document_;
  size_t nodes_ = 0;
};

// Swallows a document.
class Deaf : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Is there anything behind the first document? YAML::LoadAll() would not end on a stray bracket there (yaml-cpp 0.7).
bool has_more(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Deaf deaf;
  return parser.HandleNextDocument(deaf) && parser.HandleNextDocument(deaf);
}

}  // namespace

std::string Document::place(const std::string& name, const std::string& pointer) const {
  for (json::json_pointer at(pointer);; at.pop_back()) {
    auto found = lines.find(at.to_string());
    if (found != lines.end()) return name + ":" + std::to_string(found->second);
    if (at.empty()) return name;
  }
}

Result<Document> parse_document(std::string_view text, const std::string& name) {
  if (text.size() > kMaxText) return fail(Code::kLimit, name + ": larger than 16 MiB", "is it the right file?");
  if (text.find('\0') != std::string_view::npos)
    return fail(Code::kInvalid, name + ": holds a zero byte", "a policy is a YAML or JSON text");
  try {
    const std::string whole(text);
    YAML::Node first = YAML::Load(whole);
    if (has_more(whole))
      return fail(Code::kInvalid, name + ": something follows the first YAML document",
                  "a policy is one document; remove '---' or the stray bracket");
    Document document;
    if (!first.IsDefined() || first.IsNull())
      return fail(Code::kInvalid, name + ": empty", "start with 'version: 1', or use 'libguard policy new'");
    auto root = Converter(name, document).convert(first, "", 0);
    if (!root) return tl::unexpected(root.error());
    document.root = std::move(*root);
    return document;
  } catch (const YAML::Exception& error) {
    std::string line = error.mark.line >= 0 ? ":" + std::to_string(error.mark.line + 1) : "";
    return fail(Code::kInvalid, name + line + ": no YAML: " + printable(error.msg, 160),
                "texts that start with @ must be quoted; indent with spaces");
  } catch (const std::exception& error) {
    return fail(Code::kInvalid, name + ": no YAML: " + printable(error.what(), 160), "is it the right file?");
  }
}

namespace {

struct Anchor {
  int line;
  size_t indent;
  std::string key;
};

// A comment starts at '#' at the front or behind a blank, outside quotes.
size_t comment_start(std::string_view line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); i++) {
    char c = line[i];
    if (quote != 0) {
      if (c == '\\' && quote == '"') i++;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::vector<Anchor> anchors_of(const Document& document, const std::vector<std::string_view>& lines) {
  std::vector<Anchor> anchors;
  auto add = [&](const std::string& pointer, const std::string& key) {
    auto found = document.lines.find(pointer);
    if (found == document.lines.end() || static_cast<size_t>(found->second) > lines.size()) return;
    size_t indent = lines[static_cast<size_t>(found->second) - 1].find_first_not_of(' ');
    anchors.push_back({found->second, indent == std::string_view::npos ? 0 : indent, key});
  };
  for (const auto& [key, value] : document.root.items()) {
    add((json::json_pointer() / key).to_string(), key);
    if (key != "libraries" || !value.is_object()) continue;
    for (const auto& [library, unused] : value.items())
      add((json::json_pointer("/libraries") / library).to_string(), "libraries/" + library);
  }
  std::stable_sort(anchors.begin(), anchors.end(), [](const Anchor& a, const Anchor& b) { return a.line < b.line; });
  return anchors;
}

// Lines inside a text that goes over several lines hold no comments.
std::set<int> text_lines(const Document& document) {
  std::set<int> inside;
  for (const auto& [pointer, line] : document.lines) {
    const json& value = document.root.at(json::json_pointer(pointer));
    if (!value.is_string()) continue;
    const auto& text = value.get_ref<const std::string&>();
    auto breaks = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    for (int i = 1; i <= breaks; i++) inside.insert(line + i);
  }
  return inside;
}

}  // namespace

std::map<std::string, std::vector<std::string>> collect_comments(std::string_view text, const Document& document) {
  std::map<std::string, std::vector<std::string>> comments;
  if (!document.root.is_object()) return comments;
  std::vector<std::string_view> lines = split_lines(text);
  std::vector<Anchor> anchors = anchors_of(document, lines);
  std::set<int> inside = text_lines(document);
  size_t below = 0;  // first anchor behind the current line
  for (size_t i = 0; i < lines.size(); i++) {
    int number = static_cast<int>(i) + 1;
    while (below < anchors.size() && anchors[below].line <= number) below++;
    size_t start = inside.count(number) ? std::string_view::npos : comment_start(lines[i]);
    if (start == std::string_view::npos) continue;
    bool alone = lines[i].find_first_not_of(" \t") == start;
    bool of_entry = below > 0 && (!alone || start > anchors[below - 1].indent) && anchors[below - 1].key != "libraries";
    std::string key = of_entry                 ? anchors[below - 1].key
                      : below == 0             ? ""
                      : below < anchors.size() ? anchors[below].key
                                               : "$";
    if (!of_entry && !alone) key = anchors[below - 1].key;
    if (key == "version") key = "";  // at the top anyway
    comments[key].push_back(printable(lines[i].substr(start), 2000));
  }
  return comments;
}

}  // namespace libguard
