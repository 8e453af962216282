//! The page: mounts the app. Everything that does not need a browser is in modules that are tested without one.
mod app;
mod clock;
mod control;
mod intent;
mod isolated;
mod keys;
mod links;
mod panic;
mod part;
mod picture;
mod roster;
mod route;
mod socket;
mod sorted;
mod storage;
mod timeline;
mod upload;
mod view;
mod window;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

fn main() {
    panic::install();
    yew::Renderer::<part::Host>::with_props(part::carry::<app::App>(())).render();
}
