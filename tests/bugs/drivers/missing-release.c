/* A value that is refused leaves the routine by another way, on which nobody releases the mutex. */
#include "bug.h"

#define SET BUG_CODE(0)
#define LARGEST 100

static KMUTEX Mutex;
static ULONG Value;

static VOID
Start(VOID)
{
    KeInitializeMutex(&Mutex, 0);
}

static NTSTATUS
Set(ULONG Number)
{
    (VOID)KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    if (Number > LARGEST) {
#ifdef FIXED
        (VOID)KeReleaseMutex(&Mutex, FALSE);
#endif
        return STATUS_INVALID_PARAMETER;
    }
    Value = Number;
    (VOID)KeReleaseMutex(&Mutex, FALSE);
    return STATUS_SUCCESS;
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    return Request->Code == SET ? Set(Request->Number) : STATUS_INVALID_DEVICE_REQUEST;
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
