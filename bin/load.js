const { readFileSync } = require('node:fs');
const { createRequire, Module } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

/**
 * V8's code for a bundle, as compiled by this version of Node (scripts/code-cache.js makes it): compiling anew what a short command needs takes
 * half of its time. V8 itself looks at its version and flags and at the length of the source, but believes the rest, so in front there are
 * check sums of the bundle and of the code, 32 bits each.
 */
exports.cacheOf = (file) => `${file}.${process.version}-${process.arch}.cache`;

const HEADER = 8;

/** What is written to the cache. */
exports.packed = (file, code) => {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(crc32(readFileSync(file)), 0);
  header.writeUInt32LE(crc32(code), 4);
  return Buffer.concat([header, code]);
};

/** The code in the cache; undefined where there is none, or none of this bundle. */
function unpacked(file, source) {
  try {
    const cache = readFileSync(exports.cacheOf(file));
    const code = cache.subarray(HEADER);
    const fits = cache.readUInt32LE(0) === crc32(source) && cache.readUInt32LE(4) === crc32(code);
    return fits ? code : undefined;
  } catch {
    return undefined;
  }
}

/** A bundle, compiled by V8; its `cachedDataRejected` says whether it could use what was kept. */
exports.compile = (file, isFresh = false) => {
  const source = readFileSync(file);
  const cachedData = isFresh ? undefined : unpacked(file, source);
  // It is ASCII.
  return new Script(Module.wrap(source.latin1Slice()), { filename: file, cachedData });
};

/** What a compiled bundle exports. */
exports.evaluate = (script, file) => {
  const module = { exports: {} };
  const own = [module.exports, createRequire(file), module, file, dirname(file)];
  script.runInThisContext().apply(module.exports, own);
  return module.exports;
};
