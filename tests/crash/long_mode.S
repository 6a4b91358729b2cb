// A kernel that only turns 64-bit paging on, with page tables that lie in memory already, and stops.
    .code32
    .globl _start
_start:
    jmp     enter
    .align  4
header:                         // Multiboot: load this file as it is, at the addresses named here.
    .long   0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
    .long   header, _start, 0, 0, enter
enter:
    mov     $DIRECTORY, %eax
    mov     %eax, %cr3
    mov     $0x20, %eax         // PAE
    mov     %eax, %cr4
    mov     $0xC0000080, %ecx   // EFER
    mov     $0x100, %eax        // LME
    xor     %edx, %edx
    wrmsr
    mov     $0x80000011, %eax   // PG, ET, PE
    mov     %eax, %cr0
    lgdt    descriptors
    ljmp    $8, $wide
    .code64
wide:
    movabs  $0x1122334455667788, %rbx
    mov     $0x3F8, %edx
    mov     $'!', %al
    out     %al, %dx            // Says on the serial port that it is there.
stop:
    hlt
    jmp     stop
    .align  8
table:
    .quad   0, 0x00209A0000000000
descriptors:
    .word   descriptors - table - 1
    .long   table
