// What `import` sees is what `require` sees: the same functions, the same types.
export * from './index.js';
