# Start of a Xtensa core with the call0 ABI: vectors, stack, main. The emulator loads variables where they are used.

    .section .vectors, "ax"
    .globl board_reset
# The first instruction must jump over the literals that movi needs.
board_reset:
    j start

    .balign 256
vectors:
# Exception vectors of the LX106, by their offsets from VECBASE: debug, NMI, kernel, user, double.
    .org vectors + 0x10
    j on_fault
    .org vectors + 0x20
    j on_fault
    .org vectors + 0x30
    j on_fault
    .org vectors + 0x50
    j on_fault
    .org vectors + 0x70
    j on_fault

    .balign 4
    .literal_position
start:
    movi a2, vectors
    wsr.vecbase a2
    movi a1, board_stack_top
    # No exception pending, interrupts off: levels below 15 wait.
    movi a2, 0x0f
    wsr.ps a2
    rsync

    movi a2, board_bss_low
    movi a3, board_bss_end
    movi a4, 0
clear:
    bgeu a2, a3, cleared
    s32i a4, a2, 0
    addi a2, a2, 4
    j clear
cleared:
    movi a0, main
    callx0 a0
    j .

on_fault:
    movi a1, board_stack_top
    movi a0, board_fault
    callx0 a0

# int32_t simcall(code, a, b, c): the simulator's services (Xtensa Instruction Set Simulator User's Guide; QEMU,
# target/xtensa/xtensa-semi.c). The result comes in a2, an error number in a3.
    .section .text.simcall, "ax"
    .globl simcall
    .balign 4
simcall:
    simcall
    ret.n
