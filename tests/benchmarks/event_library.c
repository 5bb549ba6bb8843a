/* Events of libcuda.so.1 as the engine's clock uses them: every mark is a millisecond and a half after the last. */
#include <stdlib.h>
#include <string.h>

struct event { int recorded; int waited; float ms; };
static int marks = 0, alive = 0;

int cuEventCreate(void **event, unsigned flags) {
    if (flags) return 1; /* 2 would be an event that tells no time */
    *event = calloc(1, sizeof(struct event));
    alive++;
    return 0;
}
int cuEventRecord(void *event, void *stream) {
    if (stream != (void *)0x7fff00000001) return 400; /* a handle longer than an int must arrive whole */
    ((struct event *)event)->recorded = 1;
    ((struct event *)event)->ms = 1.5f * ++marks;
    return 0;
}
int cuEventSynchronize(void *event) {
    ((struct event *)event)->waited = 1;
    return ((struct event *)event)->recorded ? 0 : 400;
}
int cuEventElapsedTime(float *ms, void *start, void *end) {
    if (!((struct event *)end)->waited) return 600;
    *ms = ((struct event *)end)->ms - ((struct event *)start)->ms;
    return 0;
}
int cuEventDestroy_v2(void *event) {
    free(event);
    alive--;
    return 0;
}
int cuGetErrorName(int code, const char **name) {
    (void)code;
    *name = "CUDA_ERROR_TEST";
    return 0;
}
int eventsAlive(int *count) {
    *count = alive;
    return 0;
}
