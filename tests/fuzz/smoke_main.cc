// Runs a fuzz target without libFuzzer: each file of the corpus folder, then random changes of
// them, always the same ones. Usage: <target> <corpus folder> [changes]
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kChanges = 200'000;
constexpr std::size_t kLongest = 4096;
std::string current;

void run(const std::string& input) {
  current = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

// The input that ended the process, in a form that printf(1) takes.
void on_abort(int) {
  static const char digits[] = "0123456789abcdef";
  for (const char c : current) {
    const auto byte = static_cast<unsigned char>(c);
    const char text[4] = {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
    if (::write(STDERR_FILENO, text, sizeof text) < 0) break;
  }
  if (::write(STDERR_FILENO, "\n", 1) < 0) std::_Exit(3);
  std::_Exit(2);
}

std::vector<std::string> read_corpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& inputs) : inputs_(inputs) {}

  std::string next() {
    std::string out = any_input();
    for (std::size_t i = 0; i < 1 + below(4); ++i) change(out);
    if (out.size() > kLongest) out.resize(kLongest);
    return out;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& any_input() { return inputs_[below(inputs_.size())]; }

  void change(std::string& out) {
    const std::size_t at = below(out.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < out.size()) out[at] = static_cast<char>(below(256));
        break;
      case 1:
        if (at < out.size())
          out[at] = static_cast<char>(out[at] ^ static_cast<char>(1U << below(8)));
        break;
      case 2:
        out.erase(at, 1 + below(8));
        break;
      case 3:
        out.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 4: {  // a run of its own bytes once more
        const std::string run = out.substr(below(out.size() + 1), 1 + below(16));
        out.insert(at, run);
        break;
      }
      default: {  // a run of another input's bytes
        const std::string& other = any_input();
        out.insert(at, other.substr(below(other.size() + 1), 1 + below(32)));
        break;
      }
    }
  }

  const std::vector<std::string>& inputs_;
  std::mt19937_64 random_{20'240'601};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s <corpus folder> [changes]\n", argv[0]);
    return 2;
  }
  std::signal(SIGABRT, on_abort);
  std::signal(SIGSEGV, on_abort);
  const std::vector<std::string> inputs = read_corpus(argv[1]);
  if (inputs.empty()) {
    std::fprintf(stderr, "no inputs in %s\n", argv[1]);
    return 1;
  }
  run("");
  for (const std::string& input : inputs) run(input);
  const std::size_t changes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : kChanges;
  Mutator mutator(inputs);
  for (std::size_t i = 0; i < changes; ++i) run(mutator.next());
  std::printf("%zu inputs, %zu changes of them: all properties hold\n", inputs.size(), changes);
  return 0;
}
