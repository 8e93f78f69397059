#include "keyward/cli/main.h"

int main(int argc, char** argv) { return keyward::cli::main(argc, argv); }
