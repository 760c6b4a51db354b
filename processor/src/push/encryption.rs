//! The content coding of Web Push (RFC 8291): only the browser that subscribed can read a notification.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Length of a browser's authentication secret.
const AUTH_BYTES: usize = 16;
/// Record size that is announced; a notification is one record.
const RECORD: u32 = 4096;
/// Longest payload: what a push service must take, less the coding's own bytes.
pub const PAYLOAD_BYTES: usize = 3800;

/// Why a notification can't be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// The key is no point of the curve, in base64url.
    #[error("p256dh is not a P-256 public key in base64url")]
    Key,
    /// The secret has another length.
    #[error("auth is not 16 bytes in base64url")]
    Auth,
    /// The payload does not fit.
    #[error("the notification is too long")]
    TooLong,
    /// The system gives no random bytes, or the cipher refused.
    #[error("the system's cryptography failed")]
    System,
}

impl From<ring::error::Unspecified> for EncryptionError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::System
    }
}

/// The browser's keys.
#[derive(Debug, Clone)]
pub struct BrowserKeys {
    public: PublicKey,
    auth: [u8; AUTH_BYTES],
}

impl BrowserKeys {
    /// Reads what a subscription holds.
    ///
    /// # Errors
    /// [`EncryptionError::Key`] or [`EncryptionError::Auth`].
    pub fn parse(p256dh: &str, auth: &str) -> Result<Self, EncryptionError> {
        let public = decode(p256dh).ok_or(EncryptionError::Key)?;
        let auth = decode(auth).ok_or(EncryptionError::Auth)?;
        Ok(Self {
            public: PublicKey::from_sec1_bytes(&public).map_err(|_| EncryptionError::Key)?,
            auth: auth.try_into().map_err(|_| EncryptionError::Auth)?,
        })
    }
}

/// Some browsers' libraries pad, some don't.
fn decode(text: &str) -> Option<Vec<u8>> {
    let engine = if text.ends_with('=') {
        &URL_SAFE
    } else {
        &URL_SAFE_NO_PAD
    };
    engine.decode(text).ok()
}

/// Encrypts a payload for a browser, with a key and a salt of its own.
///
/// # Errors
/// [`EncryptionError`].
pub fn encrypt(browser: &BrowserKeys, payload: &[u8]) -> Result<Vec<u8>, EncryptionError> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt)?;
    encrypt_with(browser, payload, &random_key()?, salt)
}

/// A key of this one notification.
fn random_key() -> Result<SecretKey, EncryptionError> {
    let random = SystemRandom::new();
    // Nearly every number is a key; the next one is tried if this one is not.
    for _ in 0..8 {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return Ok(key);
        }
    }
    Err(EncryptionError::System)
}

fn encrypt_with(
    browser: &BrowserKeys,
    payload: &[u8],
    ours: &SecretKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, EncryptionError> {
    if payload.len() > PAYLOAD_BYTES {
        return Err(EncryptionError::TooLong);
    }
    let (their_point, our_point) = (point(&browser.public), point(&ours.public_key()));
    let shared = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), browser.public.as_affine());
    let mut secret = [0; 32];
    derive(
        &browser.auth,
        shared.raw_secret_bytes(),
        &[b"WebPush: info\0", &their_point, &our_point],
        &mut secret,
    )?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(
        &salt,
        &secret,
        &[b"Content-Encoding: aes128gcm\0"],
        &mut key,
    )?;
    derive(&salt, &secret, &[b"Content-Encoding: nonce\0"], &mut nonce)?;

    let mut record = payload.to_vec();
    // The last record; no padding.
    record.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;

    let mut body = Vec::with_capacity(salt.len() + 5 + our_point.len() + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(u8::try_from(our_point.len()).map_err(|_| EncryptionError::System)?);
    body.extend_from_slice(&our_point);
    body.append(&mut record);
    Ok(body)
}

/// A public key as 65 bytes.
pub(super) fn point(key: &PublicKey) -> Vec<u8> {
    key.to_encoded_point(false).as_bytes().to_vec()
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(
    salt: &[u8],
    secret: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), EncryptionError> {
    let length = Length(out.len());
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    extracted.expand(info, length)?.fill(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        decode(text).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_comes_out_byte_for_byte() {
        // RFC 8291, section 5 and appendix A.
        let browser = BrowserKeys::parse(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        )
        .unwrap();
        let ours =
            SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let body = encrypt_with(
            &browser,
            b"When I grow up, I want to be a watermelon",
            &ours,
            salt,
        )
        .unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let good = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let auth = "BTBZMqHH6r4Tts7J_aSIgg";
        for (p256dh, auth) in [
            ("", auth),
            ("AAAA", auth),
            (&"A".repeat(87), auth),
            ("ä", auth),
            (good, ""),
            (good, "AAAA"),
            (good, "?"),
        ] {
            assert!(BrowserKeys::parse(p256dh, auth).is_err(), "{p256dh} {auth}");
        }
        assert!(BrowserKeys::parse(&format!("{good}="), &format!("{auth}==")).is_ok());
    }

    #[test]
    fn a_payload_beyond_the_bound_is_refused() {
        let key = random_key().unwrap();
        let point = URL_SAFE_NO_PAD.encode(point(&key.public_key()));
        let browser = BrowserKeys::parse(&point, "BTBZMqHH6r4Tts7J_aSIgg").unwrap();
        assert!(encrypt(&browser, &[0; PAYLOAD_BYTES]).unwrap().len() <= 4096);
        assert!(encrypt(&browser, &[0; PAYLOAD_BYTES + 1]).is_err());
    }
}
