# Writes files of the repository into a C++ source, so that the executable needs none of them at run time.
#   cmake -DTEMPLATES=dir -DSCHEMA=file -DOUT=file.cc -P embed.cmake
file(GLOB paths ${TEMPLATES}/*.yaml)
list(SORT paths)
set(rows "")
foreach(path IN LISTS paths)
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} text)
  string(APPEND rows "    {\"${name}\", R\"kw_file(${text})kw_file\"},\n")
endforeach()
file(READ ${SCHEMA} schema)
file(WRITE ${OUT} "// Written by cmake/embed.cmake.
#include \"policy/shipped.h\"

namespace keyward::policy {

std::span<const ShippedFile> shipped_template_files() {
  static constexpr ShippedFile kAll[] = {
${rows}  };
  return kAll;
}

std::string_view shipped_schema() {
  return R\"kw_file(${schema})kw_file\";
}

}  // namespace keyward::policy
")
