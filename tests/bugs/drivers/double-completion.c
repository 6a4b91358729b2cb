/* The routine completes a request that it refuses, and its caller, who cannot know, completes it again. */
#include "bug.h"

#define SET BUG_CODE(0)
#define LARGEST 100

static ULONG Value;

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    if (Request->Code != SET) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Request->Number > LARGEST) {
#ifdef FIXED
        return STATUS_INVALID_PARAMETER;
#else
        return Bug_Complete(Request->Irp, STATUS_INVALID_PARAMETER, 0);
#endif
    }
    Value = Request->Number;
    return STATUS_SUCCESS;
}

const BUG_DRIVER Bug = {.Control = Control};
