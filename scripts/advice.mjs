/**
 * Why a build by cargo may have failed, judging by what it printed; `undefined` if that says nothing.
 *
 * @param {string} output
 */
export const buildAdvice = output => {
  if (/linker .* not found|error: could not find .*link\.exe/.test(output)) {
    return (
      'Rust found no linker. Install a C compiler: on Debian or Ubuntu "build-essential", on macOS ' +
      '"xcode-select --install".'
    );
  }
  if (/failed to run custom build command|failed to find tool/.test(output)) {
    return 'SQLite is compiled from C along with the addon, which needs a C compiler ("cc" or $CC).';
  }
  if (/requires rustc|rustc \S+ is not supported|feature `edition2024`/.test(output)) {
    return 'This Rust is too old for the addon; "rustup update" brings a newer one.';
  }
  if (/failed to download|Could not resolve host|spurious network error/.test(output)) {
    return 'The registry of Rust packages could not be reached.';
  }
  return undefined;
};
