# Every external library in one place. Versions are Debian 12's; newer ones work as well.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)  # 1.0; its package file names no version

# Debian's hiredis 0.14 ships a pkg-config file that names its own include folder; ours says <hiredis/...>.
find_path(HIREDIS_INCLUDE hiredis/read.h REQUIRED)
find_library(HIREDIS_LIBRARY hiredis REQUIRED)
add_library(hiredis::hiredis INTERFACE IMPORTED)
target_include_directories(hiredis::hiredis SYSTEM INTERFACE ${HIREDIS_INCLUDE})
target_link_libraries(hiredis::hiredis INTERFACE ${HIREDIS_LIBRARY})

# libzstd's pkg-config file and its CMake package differ between distributions; the header and the library do not.
find_path(ZSTD_INCLUDE zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(zstd::zstd INTERFACE IMPORTED)
target_include_directories(zstd::zstd SYSTEM INTERFACE ${ZSTD_INCLUDE})
target_link_libraries(zstd::zstd INTERFACE ${ZSTD_LIBRARY})
