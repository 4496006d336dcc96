// What lets one source be compiled for the host and, under nvcc, for the device as well.
#pragma once

#ifdef __CUDACC__
#define MLPCONV_HOST_DEVICE __host__ __device__
#else
#define MLPCONV_HOST_DEVICE
#endif
