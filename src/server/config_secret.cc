#include "server/config_sections.h"

#include "keyward/base/secret_source.h"

#include <sys/stat.h>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kCommandDeadline = 5s;

void warn_when_shared(const yaml::Node& node, const std::string& path, std::string_view kind) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0) {
    node.warning("every user of this machine can open the " + std::string(kind) + " file",
                 "chmod 640 on the file");
  }
}

std::vector<std::string> read_command(const yaml::Node& node) {
  if (!node.is_list()) {
    node.error("the command is run without a shell",
               "a list: [program, first argument, second argument]");
    return {};
  }
  auto argv = node.texts();
  if (argv.empty()) node.error("the command is empty", "[program, argument]");
  return argv;
}

}  // namespace

void read_secret(const yaml::Node& section, const std::string& name, std::string_view what,
                 const Folder& folder, SecretFrom& out) {
  const std::string name_file = name + "_file";
  const std::string name_env = name + "_env";
  const std::string name_command = name + "_command";
  const std::string kind = name.ends_with("password") ? "password" : "secret";
  const std::string sources =
      name_file + ": PATH, " + name_env + ": NAME or " + name_command + ": [program]";
  const yaml::Node inline_secret = section.get(name);
  if (inline_secret.present())
    inline_secret.error("secrets are not written into this file", sources);
  const yaml::Node file = section.get(name_file);
  const yaml::Node environment = section.get(name_env);
  const yaml::Node command = section.get(name_command);
  if (int{file.present()} + int{environment.present()} + int{command.present()} > 1) {
    section.error("the " + kind + " has more than one source",
                  "one of " + name_file + ", " + name_env + " and " + name_command);
    return;
  }
  if (file.present()) {
    std::string path;
    read_file_path(file, folder, path);
    if (path.empty()) return;
    warn_when_shared(file, path, kind);
    out = [path] { return secret_from_file(path); };
  } else if (environment.present()) {
    std::string variable;
    read_text(environment, variable);
    out = [variable] { return secret_from_environment(variable); };
  } else if (command.present()) {
    out = [argv = read_command(command)] { return secret_from_command(argv, kCommandDeadline); };
  } else if (!inline_secret.present()) {
    section.error(std::string(what) + " has no source", sources);
  }
}

}  // namespace keyward::server
