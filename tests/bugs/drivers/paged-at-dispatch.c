/* Counts in paged memory, under a spin lock: at DISPATCH_LEVEL nobody could bring it back if it were paged out. */
#include "bug.h"

#define COUNT BUG_CODE(0)

#ifdef FIXED
#define POOL NonPagedPoolNx
#else
#define POOL PagedPool
#endif

static KSPIN_LOCK Lock;
static PULONG Count;

static VOID
Start(VOID)
{
    KeInitializeSpinLock(&Lock);
    Count = ExAllocatePoolWithTag(POOL, sizeof(*Count), BUG_TAG);
    if (Count != NULL) {
        *Count = 0;
    }
}

static VOID
Stop(VOID)
{
    if (Count != NULL) {
        ExFreePoolWithTag(Count, BUG_TAG);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    ULONG count;
    KIRQL irql;

    if (Request->Code != COUNT || Count == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    KeAcquireSpinLock(&Lock, &irql);
    count = ++*Count;
    KeReleaseSpinLock(&Lock, irql);
    return Bug_Answer(Request, count);
}

const BUG_DRIVER Bug = {.Start = Start, .Stop = Stop, .Control = Control};
