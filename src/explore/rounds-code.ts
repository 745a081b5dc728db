import { CONTEXT } from './context.js';
import { HEADER } from './store.js';
import { field, header, STOP } from './visited-code.js';
import { atomicAdd, atomicLoad, load, type Module, notify, wait } from './wasm/builder.js';

/**
 * work(context): expands pieces of the frontier as long as there are some and nothing stops it. serve(context): the same for every round,
 * in a worker, until it is told to quit.
 */
export function defineRounds(module: Module): void {
  module.function('work', 1, (f, context) => {
    const [piece, from, to] = [f.local(), f.local(), f.local()];
    f.store(context!, 0, CONTEXT.leftFrom * 4);
    f.store(context!, 0, CONTEXT.leftTo * 4);
    f.forever((out) => {
      f.goIf(atomicLoad(HEADER.stop * 4), out);
      piece.set(atomicAdd(HEADER.nextPiece * 4, 1));
      f.goIf(piece.below(header('pieceCount')).isZero(), out);
      piece.set(header('pieces').add(piece.shl(3)));
      from.set(load(piece));
      to.set(load(piece, 4));
      f.forever((done) => {
        from.set(module.call('expand', context!, from, to));
        f.goIf(from.eq(to), done);
        f.drop(module.call('flush', context!));
        f.if(field(context!, 'missCount').above(field(context!, 'missLimit')), () =>
          f.if(header('stop').isZero(), () => f.store(HEADER.stop * 4, STOP.soon)),
        );
        f.if(atomicLoad(HEADER.stop * 4), () => {
          f.store(context!, from, CONTEXT.leftFrom * 4);
          f.store(context!, to, CONTEXT.leftTo * 4);
          f.go(out);
        });
      });
    });
    f.drop(module.call('flush', context!));
  });
  module.function('serve', 1, (f, context) => {
    const round = f.local('i32', 0);
    f.forever((out) => {
      f.while(atomicLoad(HEADER.round * 4).eq(round), () => {
        f.drop(wait(HEADER.round * 4, round));
      });
      round.set(atomicLoad(HEADER.round * 4));
      f.goIf(header('quit'), out);
      f.drop(module.call('work', context!));
      f.if(atomicAdd(HEADER.running * 4, -1).eq(1), () => f.drop(notify(HEADER.running * 4)));
    });
  });
}
