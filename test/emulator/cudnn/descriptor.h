// The emulated cuDNN's descriptors: their attributes, as they were set.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlpconv::emulator {

/// A call that cuDNN would refuse.
struct Refusal {
  cudnnStatus_t status;
  std::string message;
};

[[noreturn]] inline void refuse(cudnnStatus_t status, const std::string& message) {
  throw Refusal{status, message};
}

struct Content;
using Contents = std::vector<std::shared_ptr<const Content>>;

struct Attribute {
  cudnnBackendAttributeType_t type;
  int64_t count;
  std::vector<std::byte> bytes;
  /// Of type CUDNN_TYPE_BACKEND_DESCRIPTOR.
  Contents descriptors;
};

struct Content {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;

  bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }

  template <typename T>
  std::vector<T> all(cudnnBackendAttributeName_t name) const {
    const Attribute& attribute = find(name);
    if (attribute.bytes.size() != static_cast<size_t>(attribute.count) * sizeof(T)) {
      refuse(CUDNN_STATUS_BAD_PARAM, "attribute " + std::to_string(name) + " is of another type");
    }
    const T* const first = reinterpret_cast<const T*>(attribute.bytes.data());
    return std::vector<T>(first, first + attribute.count);
  }

  template <typename T>
  T one(cudnnBackendAttributeName_t name) const {
    const std::vector<T> values = all<T>(name);
    if (values.size() != 1)
      refuse(CUDNN_STATUS_BAD_PARAM, "attribute " + std::to_string(name) + ": not one value");
    return values[0];
  }

  const Contents& descriptors(cudnnBackendAttributeName_t name) const { return find(name).descriptors; }
  const Content& descriptor(cudnnBackendAttributeName_t name) const { return *descriptors(name).at(0); }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t attributeType,
           const std::vector<T>& values) {
    const auto* const data = reinterpret_cast<const std::byte*>(values.data());
    attributes[name] = {
        attributeType, static_cast<int64_t>(values.size()), {data, data + values.size() * sizeof(T)}, {}};
  }
  void set(cudnnBackendAttributeName_t name, Contents values) {
    const auto count = static_cast<int64_t>(values.size());
    attributes[name] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, count, {}, std::move(values)};
  }

 private:
  const Attribute& find(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    if (found == attributes.end()) {
      refuse(CUDNN_STATUS_BAD_PARAM, "attribute " + std::to_string(name) + " is missing");
    }
    return found->second;
  }
};

/// The size of one value. Refuses what no graph of ours sets.
size_t sizeOf(cudnnBackendAttributeType_t type);

}  // namespace mlpconv::emulator
