/* Wine 8 has no bcryptprimitives.dll. Rust's standard library takes random numbers from there, so
 * every DLL written in Rust imports it. This one asks advapi32's RtlGenRandom. */
#include <stddef.h>

#define LARGEST_REQUEST 0x10000

__declspec(dllimport) unsigned char __stdcall SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *buffer, size_t length) {
  while (length > 0) {
    unsigned long part = length > LARGEST_REQUEST ? LARGEST_REQUEST : (unsigned long)length;
    if (!SystemFunction036(buffer, part)) return 0;
    buffer += part;
    length -= part;
  }
  return 1;
}

/* Without a C runtime, this is where Windows enters. */
int __stdcall DllMainCRTStartup(void *instance, unsigned long reason, void *reserved) {
  (void)instance, (void)reason, (void)reserved;
  return 1;
}
