/*
 * Tells the debugger, when the driver is unloaded, how often each of its regions ran. For a build with clang's
 * -fprofile-instr-generate -fcoverage-mapping, linked with /entry:Coverage_DriverEntry and this file, which is all of a runtime
 * that it needs; COVERAGE_NAME is what the driver is called. `lab coverage` knows what the counters mean.
 */
#ifdef __MINGW32__
/* mingw-w64's wdm.h defines these two as static after another of its headers has declared them extern. */
#include <intrin.h>
#define InterlockedBitTestAndSet Wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset Wdm_InterlockedBitTestAndReset
#endif
#include <ntddk.h>

#define PER_LINE 16u

/* The linker sorts what compilers put into .lprfc (counters) and .lprfn (names) in between. */
#pragma section(".lprfc$A", read, write)
#pragma section(".lprfc$Z", read, write)
#pragma section(".lprfn$A", read)
__declspec(allocate(".lprfc$A")) static ULONGLONG Coverage_Begin;
__declspec(allocate(".lprfc$Z")) static ULONGLONG Coverage_End;
/* Readers of linked images skip this byte. */
__declspec(allocate(".lprfn$A")) __attribute__((used)) static const CHAR Coverage_Names = 0;

/* What instrumented objects refer to, so that a runtime is linked. */
int __llvm_profile_runtime;

DRIVER_INITIALIZE DriverEntry, Coverage_DriverEntry;
static DRIVER_UNLOAD Coverage_Unload;
static PDRIVER_UNLOAD Coverage_Next;

static VOID
Coverage_Tell(VOID)
{
    const volatile ULONGLONG *counters = &Coverage_Begin + 1;
    ULONG count = (ULONG)(&Coverage_End - counters);
    CHAR line[PER_LINE * 9 + 1];
    ULONG i, k, at;

    for (i = 0; i < count; i += PER_LINE) {
        for (at = 0, k = i; k < count && k < i + PER_LINE; k++) {
            ULONG value = counters[k] > MAXULONG ? MAXULONG : (ULONG)counters[k];
            ULONG shift;

            line[at++] = ' ';
            for (shift = 32; shift > 0; shift -= 4) {
                line[at++] = "0123456789abcdef"[(value >> (shift - 4)) & 15];
            }
        }
        line[at] = 0;
        DbgPrint("lab-coverage " COVERAGE_NAME " %lu of %lu:%s\n", i, count, line);
    }
}

static VOID NTAPI
Coverage_Unload(PDRIVER_OBJECT DriverObject)
{
    Coverage_Next(DriverObject);
    Coverage_Tell();
}

NTSTATUS NTAPI
Coverage_DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status = DriverEntry(DriverObject, RegistryPath);

    if (NT_SUCCESS(status) && DriverObject->DriverUnload != NULL) {
        Coverage_Next = DriverObject->DriverUnload;
        DriverObject->DriverUnload = Coverage_Unload;
    }
    return status;
}
