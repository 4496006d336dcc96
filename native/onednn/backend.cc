#include <oneapi/dnnl/dnnl.hpp>

#include "../ops/list.h"
#include "device.h"
#include "system.h"

namespace mlpconv {
namespace {

std::string version() {
  const dnnl_version_t& v = *dnnl_version();
  return std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch);
}

/// The instruction set that oneDNN uses here.
std::string instructionSet() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 VNNI";
    case dnnl::cpu_isa::avx2_vnni_2:
      return "AVX2 VNNI, bfloat16 conversion";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 bfloat16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "AVX-512 float16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AMX";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "AMX float16";
    default:
      return "generic";
  }
}

std::map<std::string, Attributes::Value> info() {
  const std::vector<int> cpus = usableCpus();
  return {{"oneDNN", version()},
          {"instructionSet", instructionSet()},
          {"threads", static_cast<double>(physicalCores(cpus))},
          {"logicalCpus", static_cast<double>(cpus.size())},
          {"cpu", cpuModel()}};
}

std::unique_ptr<Device> createDevice(const DeviceOptions& options) {
  return std::make_unique<OneDnnDevice>(options);
}

}  // namespace

const Backend& backend() {
  static constexpr Backend onednn = {"onednn", opNames, info, createDevice};
  return onednn;
}

}  // namespace mlpconv
