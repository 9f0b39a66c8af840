/** What the addon is made from: the build is out of date if any of it is newer, and whoever builds needs all of it. */
export const addonSources = ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'build.rs', 'src', 'templates'];
