#include "security.h"

typedef union _EXAMPLE_SID {
    SID Sid;
    UCHAR Space[FIELD_OFFSET(SID, SubAuthority) + 2 * sizeof(ULONG)];
} EXAMPLE_SID, *PEXAMPLE_SID;

typedef union _EXAMPLE_ACL {
    ACL Acl;
    ULONG Space[32];
} EXAMPLE_ACL, *PEXAMPLE_ACL;

/* A second sub-authority of 0 means that there is none. */
_Must_inspect_result_
EXAMPLE_INIT static NTSTATUS
Security_Allow(_Inout_ PACL Acl, _In_ ULONG Authority, _In_ ULONG SubAuthority, _In_ ACCESS_MASK Access)
{
    SID_IDENTIFIER_AUTHORITY nt = SECURITY_NT_AUTHORITY;
    EXAMPLE_SID sid;
    NTSTATUS status;

    status = RtlInitializeSid(&sid.Sid, &nt, SubAuthority != 0 ? 2 : 1);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    *RtlSubAuthoritySid(&sid.Sid, 0) = Authority;
    if (SubAuthority != 0) {
        *RtlSubAuthoritySid(&sid.Sid, 1) = SubAuthority;
    }
    return RtlAddAccessAllowedAce(Acl, ACL_REVISION, Access, &sid.Sid);
}

_Must_inspect_result_
EXAMPLE_INIT static NTSTATUS
Security_BuildAcl(_Out_ PEXAMPLE_ACL Acl)
{
    NTSTATUS status;

    status = RtlCreateAcl(&Acl->Acl, sizeof(*Acl), ACL_REVISION);
    if (NT_SUCCESS(status)) {
        status = Security_Allow(&Acl->Acl, SECURITY_LOCAL_SYSTEM_RID, 0, FILE_ALL_ACCESS);
    }
    if (NT_SUCCESS(status)) {
        status = Security_Allow(&Acl->Acl, SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS, FILE_ALL_ACCESS);
    }
#ifndef EXAMPLE_ADMIN_ONLY
    if (NT_SUCCESS(status)) {
        status = Security_Allow(&Acl->Acl, SECURITY_AUTHENTICATED_USER_RID, 0, FILE_GENERIC_READ | FILE_GENERIC_WRITE);
    }
#endif
    return status;
}

_Use_decl_annotations_
NTSTATUS
Security_Apply(PDEVICE_OBJECT DeviceObject)
{
    SECURITY_DESCRIPTOR descriptor;
    EXAMPLE_ACL acl;
    HANDLE handle;
    NTSTATUS status;

    status = Security_BuildAcl(&acl);
    if (NT_SUCCESS(status)) {
        status = RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    }
    if (NT_SUCCESS(status)) {
        status = RtlSetDaclSecurityDescriptor(&descriptor, TRUE, &acl.Acl, FALSE);
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }

    /* A handle to the device object itself: this sends no IRP_MJ_CREATE. */
    status = ObOpenObjectByPointer(DeviceObject, OBJ_KERNEL_HANDLE, NULL, WRITE_DAC, NULL, KernelMode, &handle);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = ZwSetSecurityObject(handle, DACL_SECURITY_INFORMATION, &descriptor);
    (VOID)ZwClose(handle);
    return status;
}
