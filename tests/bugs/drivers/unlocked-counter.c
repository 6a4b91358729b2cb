/* Read, change and write back, and nothing that keeps another thread out meanwhile: its addition is lost. */
#include "bug.h"

#define ADD BUG_CODE(0) /* every byte of the input */
#define GET BUG_CODE(1)

static volatile LONG Counter;

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    const UCHAR *amounts = Request->Irp->AssociatedIrp.SystemBuffer;

    switch (Request->Code) {
    case ADD:
        for (ULONG i = 0; i < Request->InputLength; i++) {
#ifdef FIXED
            InterlockedExchangeAdd(&Counter, amounts[i]);
#else
            Counter = Counter + amounts[i];
#endif
        }
        return STATUS_SUCCESS;
    case GET:
        return Bug_Answer(Request, (ULONG)Counter);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Control = Control};
