// SPDX-License-Identifier: Apache-2.0
// Schema checks by valijson; its findings are put into the words of the schema.
//
// Way:     see format.h.
// Thread:  pure functions; the compiled schemas are made once.
// Failure: see format.h.
#include "core/event/format.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "core/base/check.h"
#include "core/base/text.h"

namespace libguard {

extern const std::string_view k_event_schema, k_profile_schema, k_policy_schema;

std::string_view schema_text(Format format) {
  switch (format) {
    case Format::kEvent:
      return k_event_schema;
    case Format::kProfile:
      return k_profile_schema;
    case Format::kPolicy:
      return k_policy_schema;
  }
  return {};
}

namespace {

using nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

// One schema, as a document (to explain with) and compiled (to check with).
struct Compiled {
  json document;
  valijson::Schema schema;

  explicit Compiled(Format format) : document(json::parse(schema_text(format))) {
    // Which names there are is for editors; the policy's reader checks them, and says what was meant.
    if (format == Format::kPolicy)
      for (const char* which : {"name", "call"})
        document["definitions"][which] = {{"type", "string"}, {"minLength", 1}};
    valijson::SchemaParser parser;
    parser.populateSchema(Adapter(document), schema);
  }
};

const Compiled& compiled(Format format) {
  static const Compiled event(Format::kEvent), profile(Format::kProfile), policy(Format::kPolicy);
  return format == Format::kEvent ? event : format == Format::kProfile ? profile : policy;
}

const json& follow(const json& root, const json& schema) {
  auto reference = schema.find("$ref");
  if (reference == schema.end()) return schema;
  return follow(root, root.at(json::json_pointer(reference->get<std::string>().substr(1))));
}

// The part of the schema that speaks about `part` of a value; null where there is none.
const json* descend(const json& root, const json& schema, const std::string& part, bool in_array) {
  const json& here = follow(root, schema);
  if (in_array) return here.contains("items") ? &here["items"] : nullptr;
  if (here.contains("properties") && here["properties"].contains(part)) return &here["properties"][part];
  auto others = here.find("additionalProperties");
  return others != here.end() && others->is_object() ? &*others : nullptr;
}

std::string quoted_name(const std::string& description) {
  size_t first = description.find(": '"), skip = 3;
  if (first == std::string::npos) first = description.find(" '");
  if (first != std::string::npos && description[first] == ' ') skip = 2;
  size_t last = description.rfind('\'');
  return first == std::string::npos || last < first + skip ? "" : description.substr(first + skip, last - first - skip);
}

std::vector<std::string> key_names(const json& schema) {
  std::vector<std::string> names;
  if (schema.contains("properties"))
    for (const auto& [name, unused] : schema["properties"].items()) names.push_back(name);
  return names;
}

std::string type_text(const json& type) {
  if (type.is_array()) {
    std::string text;
    for (const json& one : type) text += (text.empty() ? "" : " or ") + type_text(one);
    return text;
  }
  std::string name = type.get<std::string>();
  if (name == "object") return "a map";
  if (name == "array") return "a list";
  if (name == "boolean") return "true or false";
  if (name == "integer") return "a whole number";
  return "a " + name;
}

std::string hint_of(const json& schema) {
  if (schema.contains("description")) return schema["description"].get<std::string>();
  return "the format is printed by 'libguard policy schema'";
}

// Containers are named only: printing them would descend as deep as a hostile file likes.
std::string value_text(const json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a map";
  return printable(value.is_string() ? value.get<std::string>() : value.dump(), 80);
}

FormatError missing_key(std::string pointer, const std::string& name, const json& root, const json& schema) {
  const json* key = descend(root, schema, name, false);
  FormatError error{std::move(pointer), "missing key '" + name + "'", "add it", ""};
  if (key == nullptr) return error;
  const json& meaning = follow(root, *key);
  if (meaning.contains("const"))
    error.hint = "add '" + name + ": " + value_text(meaning["const"]) + "'";
  else if (key->contains("description"))
    error.hint = name + ": " + (*key)["description"].get<std::string>();
  return error;
}

FormatError translate(const json& root, const json& plain, const json& value, std::string pointer,
                      const std::string& description) {
  const json& schema = follow(root, plain);
  const json& speaking = plain.contains("description") ? plain : schema;
  if (description.find("property that could not be validated") != std::string::npos) {
    std::string name = quoted_name(description);
    return {std::move(pointer), "unknown key '" + printable(name, 80) + "'", did_you_mean(name, key_names(schema)),
            name};
  }
  if (description.find("Missing required property") != std::string::npos)
    return missing_key(std::move(pointer), quoted_name(description), root, schema);
  if (description.find("'type' constraint") != std::string::npos)
    return {std::move(pointer),
            "expected " + type_text(schema.value("type", json("value"))) + ", got " + value_text(value),
            hint_of(speaking), ""};
  if (schema.contains("enum")) {
    std::vector<std::string> names = schema["enum"].get<std::vector<std::string>>();
    std::string wrong = value_text(value);
    return {std::move(pointer), "unknown value '" + wrong + "'", did_you_mean(wrong, names), ""};
  }
  if (schema.contains("const"))
    return {std::move(pointer), "expected " + value_text(schema["const"]) + ", got " + value_text(value),
            hint_of(speaking), ""};
  return {std::move(pointer), "not a valid value: " + value_text(value), hint_of(speaking), ""};
}

// valijson names places as "<root>", "[key]", "[3]".
FormatError explain(const json& root, const json& document, const valijson::ValidationResults::Error& error) {
  const json* schema = &root;
  const json* value = &document;
  json::json_pointer pointer;
  for (size_t i = 1; i < error.context.size(); i++) {
    std::string part = error.context[i].substr(1, error.context[i].size() - 2);
    const json* next = descend(root, *schema, part, value->is_array());
    if (next == nullptr) break;
    if (value->is_array()) {
      size_t index = std::stoul(part);
      pointer.push_back(part);
      value = &value->at(index);
    } else {
      if (!value->contains(part)) break;
      pointer.push_back(part);
      value = &value->at(part);
    }
    schema = next;
  }
  return translate(root, *schema, *value, pointer.to_string(), error.description);
}

}  // namespace

namespace {

// std::regex goes a call deeper per character, copying one per level: more would overflow the stack.
constexpr size_t kLongestChecked = 8192, kDeepestCopied = 64;

bool is_overlong(const json& value) {
  return value.is_string() && value.get_ref<const std::string&>().size() > kLongestChecked;
}

// Without recursion: whether there is an overlong text, and how deep it nests.
bool has_overlong(const json& document, size_t* depth) {
  std::vector<std::pair<const json*, size_t>> left = {{&document, 1}};
  bool found = false;
  while (!left.empty()) {
    const auto [value, at] = left.back();
    left.pop_back();
    *depth = std::max(*depth, at);
    found = found || is_overlong(*value);
    if (value->is_structured())
      for (const json& inner : *value) left.emplace_back(&inner, at + 1);
  }
  return found;
}

void cut_overlong(json& value) {
  if (is_overlong(value)) value.get_ref<std::string&>().resize(kLongestChecked);
  if (value.is_structured())
    for (json& inner : value) cut_overlong(inner);
}

}  // namespace

std::optional<FormatError> check_format(Format format, const json& document) {
  if (size_t depth = 0; has_overlong(document, &depth)) {
    if (depth > kDeepestCopied)
      return FormatError{"", "nests " + std::to_string(depth) + " levels deep", "see 'libguard policy schema'", ""};
    json cut = document;
    cut_overlong(cut);
    return check_format(format, cut);
  }
  const Compiled& checked = compiled(format);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(checked.schema, Adapter(document), &results)) return std::nullopt;
  // The deepest finding is the cause; the others only say that a part of them is wrong.
  const valijson::ValidationResults::Error* cause = nullptr;
  for (const auto& error : results)
    if (cause == nullptr || error.context.size() > cause->context.size()) cause = &error;
  if (cause == nullptr) return FormatError{"", "does not follow its schema", "see 'libguard policy schema'", ""};
  return explain(checked.document, document, *cause);
}

std::string place_text(const std::string& pointer) {
  std::string text;
  const json::json_pointer whole(pointer);
  std::vector<std::string> parts;
  for (json::json_pointer rest = whole; !rest.empty(); rest.pop_back()) parts.insert(parts.begin(), rest.back());
  for (const std::string& part : parts) {
    bool index = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    if (index)
      text += "[" + part + "]";
    else
      text += (text.empty() ? "" : ".") + printable(part, 120);
  }
  return text;
}

Result<json> parse_json(std::string_view text, std::string_view name) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    // nlohmann: "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …"
    std::string what = error.what();
    size_t reason = what.find("] ");
    if (reason != std::string::npos) what = what.substr(reason + 2);
    return fail(Code::kInvalid, std::string(name) + ": no JSON: " + printable(what, 200),
                text.empty() ? "the file is empty" : "the file may be cut off or of another kind");
  } catch (const std::exception& error) {
    return fail(Code::kInvalid, std::string(name) + ": no JSON: " + printable(error.what(), 200),
                "the file may be cut off or of another kind");
  }
}

namespace {

// Length of the UTF-8 sequence at the front of `text`; 0 if it is broken.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  size_t length = lead < 0x80                   ? 1
                  : lead >= 0xC2 && lead < 0xE0 ? 2
                  : lead >= 0xE0 && lead < 0xF0 ? 3
                  : lead >= 0xF0 && lead < 0xF5 ? 4
                                                : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; i++)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond Unicode
  return length;
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string clean;
  while (!text.empty()) {
    if (clean.size() >= limit) return clean + "…";
    size_t length = sequence_length(text);
    unsigned char lead = static_cast<unsigned char>(text[0]);
    bool control = length == 1 && (lead < 0x20 || lead == 0x7f);
    bool control_c1 = length == 2 && lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (length == 0 || control || control_c1)
      clean += '?';
    else
      clean += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

}  // namespace libguard
