import { Register, RegisterExt } from 'iced-x86';
import { expect, it } from 'vitest';
import {
  isGeneral,
  isGeneral32,
  isMm,
  isSt,
  isXmm,
  numberOf,
  sizeOf,
} from '../../src/isa/x86-64/iced-registers.js';

const ALL = Object.values(Register).filter((each): each is Register => typeof each === 'number');

it('knows the kinds of registers as iced-x86 does', () => {
  expect(ALL.length).toBeGreaterThan(200);
  for (const register of ALL) {
    const ours = [isGeneral, isGeneral32, isXmm, isMm, isSt].map((is) => is(register));
    const { isGPR, isGPR32, isXMM, isMM, isST } = RegisterExt;
    expect(ours, Register[register]).toEqual([isGPR, isGPR32, isXMM, isMM, isST].map((is) => is(register)));
  }
});

it('knows their numbers and sizes', () => {
  const known = ALL.filter((each) => [isGeneral, isXmm, isMm, isSt].some((is) => is(each)));
  for (const register of known)
    expect([numberOf(register), sizeOf(register)], Register[register]).toEqual([
      RegisterExt.number(RegisterExt.fullRegister(register)) % 32,
      RegisterExt.size(register),
    ]);
  expect(known.length).toBeGreaterThan(100);
});
