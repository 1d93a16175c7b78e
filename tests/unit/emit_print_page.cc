// SPDX-License-Identifier: Apache-2.0
// Writes heatmaps for the browser test: emit_print_page small|policy|large > page.html
#include <cstdio>
#include <string>

#include "core/emit/report.h"
#include "tests/unit/emit_sample_profile.h"

int main(int argc, char** argv) {
  using namespace libguard;
  std::string which = argc > 1 ? argv[1] : "small";
  Profile profile = which == "large" ? large_profile(40) : small_profile();
  ReportInput input{profile, nullptr, {}, "shop.profile.json"};
  Result<Rules> rules = fail(Code::kInvalid, "", "");
  if (which == "policy") {
    auto policy = parse_policy(
        "version: 1\nmode: enforce\ndefaults: [\"@base\", \"@io\", \"@code-map\", \"@file-read\"]\n"
        "libraries:\n  pkg:pypi/urllib3: { grant: [\"@net-out\", \"@native-load\"] }\n"
        "  pkg:pypi/requests: { grant: [\"@net-out\", \"@exec\"] }\n  application: { grant: [\"@net-out\", \"@exec\"] "
        "}\n",
        "policy.yaml");
    if (!policy) return std::fprintf(stderr, "%s\n", policy.error().what.c_str()), 1;
    rules = Rules::compile(*policy, nullptr);
    if (!rules) return std::fprintf(stderr, "%s\n", rules.error().what.c_str()), 1;
    input.rules = &*rules;
    input.events = small_events();
  }
  auto page = render_heatmap(input);
  if (!page) return std::fprintf(stderr, "%s\n", page.error().what.c_str()), 1;
  return std::fwrite(page->data(), 1, page->size(), stdout) == page->size() ? 0 : 1;
}
