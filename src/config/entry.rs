//! What one level of a configuration says about an attribute.

/// What an object says about an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Entry<T> {
    /// The attribute is not there.
    #[default]
    Absent,
    /// `null` in a route, which takes back what the top level gives.
    Null,
    /// Something that is a mistake, already noted.
    Wrong,
    /// This value.
    Value(T),
}

impl<T: Clone> Entry<T> {
    /// This entry, or where there is none that of the level below.
    #[must_use]
    pub fn or(self, below: &Self) -> Self {
        match self {
            Self::Absent => below.clone(),
            Self::Null => Self::Absent,
            given => given,
        }
    }
}

impl<T> Entry<T> {
    /// The same about another value, made of this one.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Entry<U> {
        match self {
            Self::Absent => Entry::Absent,
            Self::Null => Entry::Null,
            Self::Wrong => Entry::Wrong,
            Self::Value(value) => Entry::Value(make(value)),
        }
    }

    /// What this entry and one of another attribute, which says the same in its own way, say together. `both` joins two values.
    pub fn and(self, other: Self, both: impl FnOnce(T, T) -> Self) -> Self {
        match (self, other) {
            (Self::Wrong, _) | (_, Self::Wrong) => Self::Wrong,
            (Self::Value(one), Self::Value(other)) => both(one, other),
            (Self::Value(value), _) | (_, Self::Value(value)) => Self::Value(value),
            (Self::Null, _) | (_, Self::Null) => Self::Null,
            (Self::Absent, Self::Absent) => Self::Absent,
        }
    }

    /// The value, if there is a valid one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }
}
