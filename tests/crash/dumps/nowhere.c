typedef unsigned int u32;
__declspec(dllimport) void __stdcall Sleep(u32);
volatile int *volatile nowhere;
__attribute__((noinline)) static int write_nowhere(int value) { *nowhere = value; return value + 1; }
__attribute__((noinline)) int middle(int depth) { volatile char space[64]; space[0] = (char)depth; return write_nowhere(depth) + space[0]; }
int entry(void) { Sleep(1); return middle(42) * 3; }
