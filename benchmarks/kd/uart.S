/* Boot sector that prints to a kernel debugger on COM1 as fast as it can: a PrintString packet, its acknowledgement,
 * the next; at last it ends QEMU through isa-debug-exit. How many prints stands at offset 4.
 *   clang --target=i386-elf -c uart.S && ld.lld --oformat=binary -Ttext=0x7c00 -o uart.bin uart.o
 */
    .code16
    .globl _start
_start:
    jmp begin
    .org 4
count:
    .long 1000
begin:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    cld
    movw $0x3fa, %dx                /* FIFOs on, as a kernel has them */
    movb $0xc7, %al
    outb %al, %dx

print:
    movw $packet, %si
    movw $(packet_end - packet), %cx
send:
    movw $0x3fd, %dx
wait_room:
    inb %dx, %al
    testb $0x20, %al
    jz wait_room
    movw $0x3f8, %dx
    lodsb
    outb %al, %dx
    loop send

    movw $16, %cx                   /* the acknowledgement: nothing else comes */
receive:
    movw $0x3fd, %dx
wait_byte:
    inb %dx, %al
    testb $1, %al
    jz wait_byte
    movw $0x3f8, %dx
    inb %dx, %al
    loop receive

    andb $0xf7, id + 1              /* no longer the first of a stream */
    xorb $1, id
    movw $(digits_end - 1), %di     /* the next number, and what it does to the checksum */
next_digit:
    incl checksum
    incb (%di)
    cmpb $0x3a, (%di)
    jne numbered
    movb $0x30, (%di)
    subl $10, checksum
    decw %di
    jmp next_digit
numbered:
    decl count
    jnz print

    movb $0x2a, %al
    movw $0xf4, %dx
    outb %al, %dx
halt:
    hlt
    jmp halt

packet:
    .ascii "0000"
    .word 3, payload_end - payload
id:
    .long 0x80800800
checksum:
    .long 0                         /* written by who builds it */
payload:
    .long 0x3230
    .word 6, 0
    .long payload_end - text, 0
text:
    .ascii "burst "
    .ascii "00000000"
digits_end:
    .ascii " of a driver that prints in a loop\n"
payload_end:
    .byte 0xaa
packet_end:

    .org 510
    .word 0xaa55
