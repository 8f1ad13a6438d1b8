//! All that a request may need: the one user, the entities, the records, the containers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::activation::ActivationStore;
use crate::authentication::ApiKey;
use crate::catalog::Catalog;
use crate::javascript::ContainerPool;
use crate::name::Name;
use crate::throttle::{Allowance, Throttle};

/// The state of the server.
#[derive(Debug)]
pub struct Platform {
    /// The user's namespace, which is also the subject.
    pub namespace: Name,
    /// The user's key.
    pub key: ApiKey,
    /// Where actions find the API.
    pub api_host: String,
    /// Counts invocations.
    pub throttle: Throttle,
    /// Counts fires of triggers.
    pub fires: Throttle,
    /// Records.
    pub activations: ActivationStore,
    /// Where actions run.
    pub containers: ContainerPool,
    catalog: Mutex<Catalog>,
}

impl Platform {
    /// A platform without entities.
    pub fn new(namespace: Name, key: ApiKey, api_host: String, allowance: Allowance, fires: Allowance) -> Self {
        Self {
            catalog: Mutex::new(Catalog::new(namespace.clone())),
            namespace,
            key,
            api_host,
            throttle: Throttle::new(allowance),
            fires: Throttle::new(fires),
            activations: ActivationStore::default(),
            containers: ContainerPool::default(),
        }
    }

    /// Packages, actions, triggers and rules.
    pub fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
