# kw_options: flags of every target. kw_module(): one library per module of the tree.
add_library(kw_options INTERFACE)
target_include_directories(kw_options INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(kw_options INTERFACE Threads::Threads Boost::headers Boost::json)
target_compile_definitions(kw_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  KEYWARD_VERSION="${PROJECT_VERSION}" SPDLOG_FMT_EXTERNAL)
target_compile_options(kw_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<BOOL:${KEYWARD_WERROR}>:-Werror>)
find_program(KEYWARD_MOLD mold)
if(KEYWARD_MOLD)
  target_link_options(kw_options INTERFACE -fuse-ld=mold)
endif()
find_program(KEYWARD_CCACHE ccache)
if(KEYWARD_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_NOHASHDIR=1
    ${KEYWARD_CCACHE})
endif()
if(KEYWARD_SANITIZE)
  target_compile_options(kw_options INTERFACE -fsanitize=${KEYWARD_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(kw_options INTERFACE -fsanitize=${KEYWARD_SANITIZE})
  if(KEYWARD_SANITIZE MATCHES "thread")
    # The thread sanitizer does not know fences; Asio's are beside the locks of its scheduler, which it does know.
    target_compile_definitions(kw_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(KEYWARD_COVERAGE)
  target_compile_options(kw_options INTERFACE --coverage)
  target_link_options(kw_options INTERFACE --coverage)
endif()

# Boost.Asio and Boost.Beast are compiled once, here, and carry the precompiled header of the modules that may see Asio.
add_library(kw_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio.cc)
target_link_libraries(kw_asio PUBLIC kw_options OpenSSL::SSL)
target_compile_options(kw_asio PRIVATE -w)

function(kw_module name)
  cmake_parse_arguments(arg "ASIO" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/keyward/${name}/*.h)
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/${name}_empty.cc "")
    set(sources ${CMAKE_BINARY_DIR}/${name}_empty.cc)
  endif()
  add_library(kw_${name} STATIC ${sources} ${headers})
  target_include_directories(kw_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPS PREPEND kw_)
  target_link_libraries(kw_${name} PUBLIC kw_options ${arg_DEPS} ${arg_LIBS})
  if(arg_ASIO)
    target_link_libraries(kw_${name} PUBLIC kw_asio)
    target_precompile_headers(kw_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/asio_pch.h)
  else()
    target_precompile_headers(kw_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/std_pch.h)
  endif()
endfunction()
