/* Waits for a hundredth of a second while it holds a spin lock: at DISPATCH_LEVEL, where nothing may wait. */
#include "bug.h"

#define PAUSE BUG_CODE(0)

static KSPIN_LOCK Lock;

static VOID
Start(VOID)
{
    KeInitializeSpinLock(&Lock);
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    LARGE_INTEGER pause = {.QuadPart = -10 * 10000};
    KIRQL irql;

    if (Request->Code != PAUSE) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    KeAcquireSpinLock(&Lock, &irql);
#ifdef FIXED
    KeReleaseSpinLock(&Lock, irql);
    (VOID)KeDelayExecutionThread(KernelMode, FALSE, &pause);
#else
    (VOID)KeDelayExecutionThread(KernelMode, FALSE, &pause);
    KeReleaseSpinLock(&Lock, irql);
#endif
    return STATUS_SUCCESS;
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
