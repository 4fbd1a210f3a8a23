//! Sets of peers, as an operator names them: addresses, networks, and Unix sockets.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Peers that are trusted with something; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    networks: Vec<Network>,
    has_unix: bool,
}

/// Addresses that begin alike: the first so many bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Networks {
    /// True if a peer at `address` is one of them; `None` is a peer on a Unix socket.
    pub fn contains(&self, address: Option<IpAddr>) -> bool {
        match address {
            None => self.has_unix,
            Some(address) => {
                let address = address.to_canonical(); // an IPv4 peer of an IPv6 socket
                self.networks.iter().any(|network| network.contains(address))
            }
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs) = (bits(self.address), bits(address));
        let differ = (ours ^ theirs).checked_shr(width(self.address) - u32::from(self.prefix));
        self.address.is_ipv4() == address.is_ipv4() && differ.unwrap_or(0) == 0
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let whole = width(address);
        let prefix = prefix.map_or(Some(whole), |digits| digits.parse().ok());
        let prefix = u8::try_from(prefix.filter(|prefix| *prefix <= whole)?).ok()?;
        Some(Self { address, prefix })
    }
}

/// The address as a number, lowest bit last.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// What is written is no set of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNetworks;

impl FromStr for Networks {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let mut all = Self::default();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            match word {
                "unix" => all.has_unix = true,
                word => all.networks.push(Network::parse(word).ok_or(NotNetworks)?),
            }
        }
        Ok(all)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|Network { address, prefix }| {
            let is_one = u32::from(*prefix) == width(*address);
            if is_one { address.to_string() } else { format!("{address}/{prefix}") }
        });
        let all: Vec<String> = networks.chain(self.has_unix.then(|| "unix".to_owned())).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(networks: &str, peer: &str, want: bool) {
        let networks: Networks = networks.parse().unwrap();
        let peer = (peer != "unix").then(|| peer.parse().unwrap());
        assert_eq!(networks.contains(peer), want, "{networks} and {peer:?}");
    }

    #[test]
    fn peers_are_in_their_networks() {
        check("", "127.0.0.1", false);
        check("", "unix", false);
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "8.8.8.8", false);
        check("2001:db8::/33, unix", "2001:db8:7fff::1", true);
        check("2001:db8::/33 unix", "2001:db8:8000::1", false);
        check("2001:db8::/33 unix", "unix", true);
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["", "10.0.0.0/8, 192.0.2.7, 2001:db8::/32, unix"] {
            assert_eq!(text.parse::<Networks>().unwrap().to_string(), text);
        }
        for wrong in ["10.0.0.0/33", "::1/129", "localhost", "10.0.0.0/", "10.0.0.0/-1", "10.0/8"] {
            assert_eq!(wrong.parse::<Networks>(), Err(NotNetworks), "{wrong}");
        }
    }
}
