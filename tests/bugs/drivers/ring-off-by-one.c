/* A ring buffer whose index turns back to 0 one place too late: that place belongs to somebody else. */
#include "bug.h"

#define PUT BUG_CODE(0)
#define SIZE 64

static PUCHAR Ring;
static ULONG Head;

static VOID
Start(VOID)
{
    Ring = Bug_Allocate(SIZE, BUG_TAG);
}

static VOID
Stop(VOID)
{
    if (Ring != NULL) {
        ExFreePoolWithTag(Ring, BUG_TAG);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    if (Request->Code != PUT || Ring == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Ring[Head++] = (UCHAR)Request->Number;
#ifdef FIXED
    if (Head >= SIZE) {
#else
    if (Head > SIZE) {
#endif
        Head = 0;
    }
    return STATUS_SUCCESS;
}

const BUG_DRIVER Bug = {.Start = Start, .Stop = Stop, .Control = Control};
