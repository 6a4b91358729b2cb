/* Keeps the caller's pointer of a "neither" request, and reads there in a later one: of another process, or when it is gone. */
#include "bug.h"

#define SET BUG_NEITHER_CODE(0)
#define GET BUG_CODE(1)

static KMUTEX Mutex;
static PULONG Kept;
static ULONG Copied;

static VOID
Start(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    Kept = NULL;
}

static NTSTATUS
Set(PBUG_REQUEST Request)
{
    PULONG from = IoGetCurrentIrpStackLocation(Request->Irp)->Parameters.DeviceIoControl.Type3InputBuffer;
    ULONG value;

    if (Request->InputLength < sizeof(value)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    __try {
        ProbeForRead(from, sizeof(value), 1);
        RtlCopyMemory(&value, from, sizeof(value));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return STATUS_ACCESS_VIOLATION;
    }
    Copied = value;
    Kept = from;
    return STATUS_SUCCESS;
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    NTSTATUS status;

    (VOID)KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    switch (Request->Code) {
    case SET:
        status = Set(Request);
        break;
    case GET:
#ifdef FIXED
        status = Bug_Answer(Request, Copied);
#else
        status = Kept != NULL ? Bug_Answer(Request, *Kept) : STATUS_INVALID_DEVICE_STATE;
#endif
        break;
    default:
        status = STATUS_INVALID_DEVICE_REQUEST;
    }
    (VOID)KeReleaseMutex(&Mutex, FALSE);
    return status;
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
