# First sector of the stand-in, on its CD and on the disk that it "installs": loads the rest, and calls it.
# From a CD the BIOS has loaded everything already; loading it again from the disk is done only there (DL = 0x80).
    .code16
    .globl start
start:
    ljmp $0, $begin
packet:                                 # for INT 13h, AH=42h: 32 sectors from the disk's begin to where we are
    .byte 16, 0
    .word 32, 0x7c00, 0
    .long 0, 0
begin:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    cld
    sti
    movb %dl, 0x600                     # whence we were started, for the C part
    cmpb $0x80, %dl
    jne loaded
    movw $packet, %si
    movb $0x42, %ah
    int $0x13
loaded:
    calll stand_in
    .globl on_nmi
on_nmi:                                 # as a crash: starts anew in the next state, or stays off
    xorw %ax, %ax                       # it may have come while the BIOS was at work on its own stack
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7c00, %esp
    calll crash
    .org 510
    .word 0xaa55
