/* Read, change and write back, and nothing that keeps another thread out meanwhile: its addition is lost. */
#include "bug.h"

#define ADD BUG_CODE(0)
#define GET BUG_CODE(1)

static volatile LONG Counter;

static NTSTATUS
Control(PBUG_REQUEST Request)
{
#ifndef FIXED
    volatile LONG Read;

#endif
    switch (Request->Code) {
    case ADD:
#ifdef FIXED
        InterlockedIncrement(&Counter);
#else
        Read = Counter; /* kept in memory, or the compiler makes one instruction of both */
        Counter = Read + 1;
#endif
        return STATUS_SUCCESS;
    case GET:
        return Bug_Answer(Request, (ULONG)Counter);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Control = Control};
