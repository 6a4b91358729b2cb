/* A driver that breaks one rule for each IOCTL, so that every check of the guest is seen to find what it is for. */
#include <ntddk.h>

#define TAG 'loiV'
#define VIOLATIONS(X)                                                                                                  \
    X(none) X(overrun) X(overrun_far) X(underrun) X(read_after_free) X(write_after_free) X(double_free) X(wrong_tag)      \
    X(free_middle) X(free_static) X(zero_bytes) X(buffer_overrun) X(leak) X(touch_completed_irp) X(complete_twice)        \
    X(never_complete) X(other_status) X(pending_not_marked) X(marked_not_pending) X(complete_pending)                     \
    X(complete_with_cancel_routine) X(complete_too_high) X(return_raised) X(wait_raised) X(delay_raised)                  \
    X(paged_alloc_raised) X(paged_free_raised) X(alloc_too_high) X(resource_raised) X(fast_mutex_raised)                  \
    X(fast_mutex_released_low) X(raise_down) X(lower_up) X(spin_release_low) X(spin_acquire_low) X(spin_not_owned)        \
    X(spin_twice) X(mutex_held) X(critical_region) X(dpc_raised) X(dpc_runs) X(work_item_raised) X(order_inverted)        \
    X(paged_touch_raised) X(event_too_high) X(poll_raised) X(mutex_has_its_owner) X(prints) X(meets)

typedef NTSTATUS VIOLATION(PDEVICE_OBJECT device, PIRP irp);
#define DECLARE(name) static VIOLATION name;
VIOLATIONS(DECLARE)
#define ENTRY(name) name,
static VIOLATION *const violations[] = {VIOLATIONS(ENTRY)};

static KSPIN_LOCK lock;
static KMUTEX mutex, other_mutex;
static FAST_MUTEX fast_mutex;
static KEVENT event;
static ERESOURCE resource;
static KDPC dpc;
static ULONG static_block[16];

static NTSTATUS complete(PIRP irp, NTSTATUS status) {
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static volatile UCHAR *block_of(POOL_TYPE type, SIZE_T size) {
    return ExAllocatePoolWithTag(type, size, TAG);
}

static NTSTATUS mutex_has_its_owner(PDEVICE_OBJECT device, PIRP irp) {
    NTSTATUS status = STATUS_SUCCESS;
    (void)device;
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&mutex, FALSE);
    if (KeGetCurrentThread() == NULL || mutex.OwnerThread != KeGetCurrentThread()) status = STATUS_UNSUCCESSFUL;
    KeReleaseMutex(&mutex, FALSE);
    if (mutex.OwnerThread != NULL) status = STATUS_UNSUCCESSFUL;
    return complete(irp, status);
}

/* The first caller waits in here for the second. */
static NTSTATUS meets(PDEVICE_OBJECT device, PIRP irp) {
    static LONG callers;
    LARGE_INTEGER limit = {.QuadPart = -5 * 10000000LL};
    NTSTATUS status = STATUS_SUCCESS;
    (void)device;
    if (InterlockedIncrement(&callers) % 2 == 0) KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    else status = KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &limit);
    return complete(irp, status == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

static NTSTATUS prints(PDEVICE_OBJECT device, PIRP irp) {
    static CHAR long_text[5000];
    UNICODE_STRING wide = RTL_CONSTANT_STRING(L"\\w\u00efde");
    ANSI_STRING narrow = RTL_CONSTANT_STRING("narrow");
    (void)device;
    for (ULONG i = 0; i < sizeof long_text - 1; i++) long_text[i] = (CHAR)('a' + i % 23);
    DbgPrint("%wZ|%8wZ|%.2wZ|%Z|%-8Z|%wZ\n", &wide, &wide, &wide, &narrow, &narrow, NULL);
    DbgPrint("%ws|%s|%S|%hs|%.1s|%c|%%\n", L"ws", "s", L"S", "hs", "cut", 'c');
    DbgPrint("%d|%5d|%-5d|%05d|%*d|%*d|%hd|%I64d\n", -1, 42, 42, 42, 4, 7, -4, 7, 0x12345, -5000000000LL);
    DbgPrint("%u|%x|%#X|%08lx|%I64x|%p\n", 4000000000u, 0xab, 0xab, 0xabcUL, 0x123456789abcULL, (PVOID)0x1234);
    DbgPrint("%s|%wZ\n", long_text, &wide);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS none(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 100);
    KIRQL irql;
    (void)device;
    for (int i = 0; i < 100; i++) block[i] = (UCHAR)i;
    ExFreePoolWithTag((PVOID)block, TAG);
    KeAcquireSpinLock(&lock, &irql);
    NTSTATUS status = irql == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
    KeReleaseSpinLock(&lock, irql);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&mutex, FALSE);
    KeReleaseMutex(&mutex, FALSE);
    ExAcquireFastMutex(&fast_mutex);
    if (KeGetCurrentIrql() != APC_LEVEL) status = STATUS_UNSUCCESSFUL;
    ExReleaseFastMutex(&fast_mutex);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, TRUE);
    ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    if (KeGetCurrentIrql() != PASSIVE_LEVEL) status = STATUS_UNSUCCESSFUL;
    return complete(irp, status);
}

static NTSTATUS overrun(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 20);
    (void)device;
    block[20] = 1;
    ExFreePoolWithTag((PVOID)block, TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS overrun_far(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 20);
    (void)device;
    block[32] = 1;
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS underrun(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 20);
    (void)device;
    block[-1] = 1;
    ExFreePoolWithTag((PVOID)block, TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS read_after_free(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 20);
    (void)device;
    ExFreePoolWithTag((PVOID)block, TAG);
    return complete(irp, block[3] == 1 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

static NTSTATUS write_after_free(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(PagedPool, 20000);
    (void)device;
    ExFreePoolWithTag((PVOID)block, TAG);
    block[19999] = 1;
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS double_free(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(NonPagedPool, 20);
    (void)device;
    ExFreePoolWithTag((PVOID)block, TAG);
    ExFreePoolWithTag((PVOID)block, TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS wrong_tag(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    ExFreePoolWithTag((PVOID)block_of(NonPagedPool, 20), 'rehO');
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS free_middle(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    ExFreePoolWithTag((PVOID)(block_of(NonPagedPool, 100) + 16), TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS free_static(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    ExFreePoolWithTag(static_block + 4, TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS zero_bytes(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    ExFreePoolWithTag((PVOID)block_of(NonPagedPool, 0), TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS buffer_overrun(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *buffer = irp->AssociatedIrp.SystemBuffer;
    (void)device;
    buffer[16] = 1;
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS leak(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    block_of(NonPagedPool, 20);
    block_of(PagedPool, 30);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS touch_completed_irp(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    complete(irp, STATUS_SUCCESS);
    return irp->IoStatus.Status;
}

static NTSTATUS complete_twice(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    complete(irp, STATUS_SUCCESS);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS never_complete(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    (void)irp;
    return STATUS_SUCCESS;
}

static NTSTATUS other_status(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    complete(irp, STATUS_SUCCESS);
    return STATUS_UNSUCCESSFUL;
}

static NTSTATUS pending_not_marked(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    complete(irp, STATUS_SUCCESS);
    return STATUS_PENDING;
}

static NTSTATUS marked_not_pending(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    IoMarkIrpPending(irp);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS complete_pending(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    IoMarkIrpPending(irp);
    return complete(irp, STATUS_PENDING);
}

static VOID NTAPI cancel(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    IoReleaseCancelSpinLock(irp->CancelIrql);
}

static NTSTATUS complete_with_cancel_routine(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    IoSetCancelRoutine(irp, cancel);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS complete_too_high(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL + 1, &irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS return_raised(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(APC_LEVEL, &irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS wait_raised(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeAcquireSpinLock(&lock, &irql);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS poll_raised(PDEVICE_OBJECT device, PIRP irp) {
    LARGE_INTEGER none = {.QuadPart = 0};
    KIRQL irql;
    (void)device;
    KeAcquireSpinLock(&lock, &irql);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &none);
    KeReleaseSpinLock(&lock, irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS delay_raised(PDEVICE_OBJECT device, PIRP irp) {
    LARGE_INTEGER time = {.QuadPart = -10000};
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS paged_alloc_raised(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    block_of(PagedPool, 20);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS paged_free_raised(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(PagedPool, 20);
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExFreePoolWithTag((PVOID)block, TAG);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS paged_touch_raised(PDEVICE_OBJECT device, PIRP irp) {
    volatile UCHAR *block = block_of(PagedPool, 20);
    KIRQL irql;
    (void)device;
    block[0] = 1;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    block[1] = 1;
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS alloc_too_high(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL + 1, &irql);
    block_of(NonPagedPool, 20);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS event_too_high(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL + 1, &irql);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS resource_raised(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireResourceSharedLite(&resource, TRUE);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS fast_mutex_raised(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    ExAcquireFastMutex(&fast_mutex);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS fast_mutex_released_low(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    ExAcquireFastMutex(&fast_mutex);
    KeLowerIrql(PASSIVE_LEVEL);
    ExReleaseFastMutex(&fast_mutex);
    return complete(irp, STATUS_SUCCESS);
}

/* What mingw's headers have as moves to and from CR8, other compilers' call. */
static PVOID routine(PCWSTR name) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static NTSTATUS raise_down(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL (*raise)(KIRQL) = (KIRQL (*)(KIRQL))routine(L"KfRaiseIrql");
    (void)device;
    raise(DISPATCH_LEVEL);
    raise(APC_LEVEL);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS lower_up(PDEVICE_OBJECT device, PIRP irp) {
    VOID (*lower)(KIRQL) = (VOID (*)(KIRQL))routine(L"KeLowerIrql");
    (void)device;
    lower(DISPATCH_LEVEL);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS spin_release_low(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeAcquireSpinLock(&lock, &irql);
    KeReleaseSpinLock(&lock, irql);
    KeReleaseSpinLock(&lock, irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS spin_acquire_low(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&lock);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS spin_not_owned(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeReleaseSpinLock(&lock, irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS spin_twice(PDEVICE_OBJECT device, PIRP irp) {
    KIRQL irql;
    (void)device;
    KeAcquireSpinLock(&lock, &irql);
    KeAcquireSpinLock(&lock, &irql);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS mutex_held(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS critical_region(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    KeEnterCriticalRegion();
    return complete(irp, STATUS_SUCCESS);
}

static VOID NTAPI deferred(PKDPC self, PVOID context, PVOID argument1, PVOID argument2) {
    KIRQL irql = KeGetCurrentIrql();
    (void)self;
    (void)argument2;
    if (argument1) KeLowerIrql(PASSIVE_LEVEL);
    *(KIRQL *)context = irql;
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS run_dpc(PIRP irp, PVOID misbehave) {
    KIRQL seen = 0;
    KeInitializeDpc(&dpc, deferred, &seen);
    KeClearEvent(&event);
    KeInsertQueueDpc(&dpc, misbehave, NULL);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    return complete(irp, seen == DISPATCH_LEVEL ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

static NTSTATUS dpc_raised(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    return run_dpc(irp, irp);
}

static NTSTATUS dpc_runs(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    return run_dpc(irp, NULL);
}

static VOID NTAPI work(PDEVICE_OBJECT device, PVOID context) {
    KIRQL irql;
    (void)device;
    (void)context;
    KeRaiseIrql(APC_LEVEL, &irql);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS work_item_raised(PDEVICE_OBJECT device, PIRP irp) {
    LARGE_INTEGER time = {.QuadPart = -10000000};
    KeClearEvent(&event);
    IoQueueWorkItem(IoAllocateWorkItem(device), work, DelayedWorkQueue, irp);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    KeDelayExecutionThread(KernelMode, FALSE, &time);
    return complete(irp, STATUS_SUCCESS);
}

static VOID both(PKMUTEX first, PKMUTEX second) {
    KeWaitForSingleObject(first, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(second, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(second, FALSE);
    KeReleaseMutex(first, FALSE);
}

static NTSTATUS order_inverted(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    both(&mutex, &other_mutex);
    both(&other_mutex, &mutex);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS NTAPI violate(PDEVICE_OBJECT device, PIRP irp) {
    ULONG function = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode >> 2 & 0x7ff;
    if (function >= sizeof(violations) / sizeof(violations[0])) return complete(irp, STATUS_INVALID_DEVICE_REQUEST);
    return violations[function](device, irp);
}

static NTSTATUS NTAPI succeed(PDEVICE_OBJECT device, PIRP irp) {
    (void)device;
    return complete(irp, STATUS_SUCCESS);
}

static VOID NTAPI unload(PDRIVER_OBJECT driver) {
    UNICODE_STRING link = RTL_CONSTANT_STRING(L"\\??\\Violations");
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(driver->DeviceObject);
    ExDeleteResourceLite(&resource);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Violations"), link = RTL_CONSTANT_STRING(L"\\??\\Violations");
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    (void)path;
    if (!NT_SUCCESS(status)) return status;
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    KeInitializeSpinLock(&lock);
    KeInitializeMutex(&mutex, 0);
    KeInitializeMutex(&other_mutex, 0);
    ExInitializeFastMutex(&fast_mutex);
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    ExInitializeResourceLite(&resource);
    driver->MajorFunction[IRP_MJ_CREATE] = succeed;
    driver->MajorFunction[IRP_MJ_CLEANUP] = succeed;
    driver->MajorFunction[IRP_MJ_CLOSE] = succeed;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = violate;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
