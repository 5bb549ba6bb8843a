/* The few functions of libcuda.so.1 that are asked before anything else, with answers from the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int answer(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

int cuInit(unsigned flags) { (void)flags; return answer("FAKE_INIT", 0); }
int cuDeviceGetCount(int *count) { *count = answer("FAKE_COUNT", 1); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal + 7; return 0; }
int cuDriverGetVersion(int *version) { *version = answer("FAKE_VERSION", 12060); return 0; }

int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "Orin %d", device);
    return answer("FAKE_NAME", 0);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (device != 7) return 101;
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 18 ? answer("FAKE_INTEGRATED", 1) : -1;
    return 0;
}

int cuGetErrorName(int code, const char **name) {
    if (code != 999) return 1;
    *name = "CUDA_ERROR_UNKNOWN";
    return 0;
}
