// The verbs of the keyward executable. Exit codes: 0 done, 1 a checked thing does not hold, 2
// usage.
#pragma once

namespace keyward::cli {

int main(int argc, char** argv);

}  // namespace keyward::cli
