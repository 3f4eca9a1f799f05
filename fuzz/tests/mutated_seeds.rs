//! Runs each target on mutated seeds, for a moment. `make fuzz` runs longer.

use std::panic;

use fuzz::{Mutator, TARGETS, seeds};

/// Inputs for each target.
const INPUTS: usize = 3000;

#[test]
fn no_target_panics_on_mutated_seeds() {
    for target in TARGETS {
        let mut mutator = Mutator::new(seeds(*target).unwrap(), 1);
        for number in 0..INPUTS {
            let input = mutator.generate();
            let outcome = panic::catch_unwind(|| (target.run)(&input));
            assert!(
                outcome.is_ok(),
                "{} panics on input {number}: {:?}",
                target.name,
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn mutator_is_reproducible_and_changes_its_seeds() {
    let seeds = || vec![b"level=error msg=\"x\"".to_vec(), b"{\"a\":1}".to_vec()];
    let (mut one, mut two) = (Mutator::new(seeds(), 7), Mutator::new(seeds(), 7));
    let inputs: Vec<_> = (0..1000).map(|_| one.generate()).collect();
    assert!(inputs.iter().all(|input| *input == two.generate()));
    let changed = inputs.iter().filter(|input| !seeds().contains(input));
    assert!(changed.count() > 900);
}
