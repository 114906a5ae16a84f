//! How long an instance takes when its pods take no time. Measured by `scripts/bench startup`.

use std::time::Instant;

use super::world::World;

#[test]
#[ignore = "a measurement, not a test: scripts/bench startup"]
fn startup_on_simulated_nodes() {
    let world = World::start("startup");
    for _ in 0..10 {
        let space = world.namespace("startup");
        let manifest = space.quick_start("my-odoo");
        let began = Instant::now();
        space.apply(&manifest);
        space.ok(&[
            "wait",
            "--for=jsonpath={.status.phase}=Running",
            "odooinstances.v1.bemade.org/my-odoo",
            "--timeout=60s",
        ]);
        println!("simulated: {:.2}", began.elapsed().as_secs_f64());
    }
}
