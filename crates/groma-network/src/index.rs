//! Dense numbers of things in one [`Network`](crate::Network). They mean nothing in another one.

macro_rules! index {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As a place in a slice.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            fn from(index: usize) -> $name {
                $name(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    )*};
}

index! {
    /// A device.
    DeviceIndex
    /// A port: physical or logical.
    PortIndex
    /// A cable, known or inferred.
    LinkIndex
    /// A VLAN of a layer-2 domain. VLANs that are merged keep their own number.
    VlanIndex
    /// What can send or receive a message.
    EndpointIndex
    /// End points whose packets go the same way through the network.
    GroupIndex
    /// An access switch, or the switches that look like one to those attached to them.
    AccessIndex
    /// A path between two groups.
    PathIndex
    /// A set of candidates known to a [`Classifier`](crate::Classifier).
    CandidatesIndex
}
