# Start of a RISC-V hart in machine mode: stack, traps, variables, main.

    .section .vectors, "ax"
    .globl board_reset
board_reset:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, board_stack_top
    la tp, board_tls_low
    la t0, on_trap
    csrw mtvec, t0

    la a0, board_data_image
    la a1, board_data_low
    la a2, board_data_end
copy:
    bgeu a1, a2, copied
    lw t0, 0(a0)
    sw t0, 0(a1)
    addi a0, a0, 4
    addi a1, a1, 4
    j copy
copied:
    la a1, board_bss_low
    la a2, board_bss_end
clear:
    bgeu a1, a2, cleared
    sw zero, 0(a1)
    addi a1, a1, 4
    j clear
cleared:
    call main
    j .

    .balign 4
on_trap:
    la sp, board_stack_top
    j board_fault

# uintptr_t semihosting_call(uintptr_t operation, uintptr_t argument): the three instructions must not be compressed
# and must lie in one page ("RISC-V Semihosting", section 2).
    .section .text.semihosting_call, "ax"
    .globl semihosting_call
    .balign 16
semihosting_call:
    .option push
    .option norvc
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    ret
