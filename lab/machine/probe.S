/* Boot sector that proves an accelerator runs a real guest: BIOS, real mode, 64-bit long mode with paging, a
 * loop of a million instructions, SSE2, CPUID; then it ends QEMU through isa-debug-exit with status (0x2a<<1)|1 = 85.
 *   clang --target=x86_64-elf -c probe.S && ld.lld --oformat=binary -Ttext=0x7c00 -o probe.bin probe.o
 */
    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    cld
    movw $0x1000, %di               /* page tables at 0x1000-0x3fff: identity map of the first 2 MiB */
    movw $0x1800, %cx
    rep stosw
    movl $0x2003, 0x1000
    movl $0x3003, 0x2000
    movl $0x0083, 0x3000
    movl $0x1000, %eax
    movl %eax, %cr3
    movl $0x620, %eax               /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx          /* EFER.LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80000011, %eax          /* PG, ET, PE */
    movl %eax, %cr0
    lgdtl gdt_pointer
    ljmpl $8, $long_mode

    .code64
long_mode:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $1000000, %ebx
again:
    addsd %xmm0, %xmm0
    decl %ebx
    jnz again
    xorl %eax, %eax
    cpuid
    movb $0x2a, %al
    movw $0xf4, %dx
    outb %al, %dx
halt:
    hlt
    jmp halt

    .balign 8
gdt:
    .quad 0
    .quad 0x00209a0000000000        /* 64-bit code */
    .quad 0x0000920000000000        /* data */
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .org 510
    .word 0xaa55
