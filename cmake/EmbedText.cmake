# lg_embed_text(OUTPUT NAME FILE): FILE's text as `std::string_view NAME` in namespace libguard, made again when it changes.
function(lg_embed_text output name file)
  file(READ ${file} text)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(CONFIGURE OUTPUT ${output} CONTENT
"// Made from ${file}; do not edit.
#include <string_view>
namespace libguard {
extern const std::string_view ${name};
const std::string_view ${name} = R\"lgtext(@text@)lgtext\";
}  // namespace libguard
" @ONLY)
endfunction()
