//! Facts about processes on macOS, from the kernel through `libproc` and, for the arguments, `sysctl`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use libproc::bsd_info::BSDInfo;
use libproc::file_info::{ListFDs, PIDFDInfo, PIDFDInfoFlavor, ProcFDType, pidfdinfo};
use libproc::net_info::{ProcFileInfo, VInfoStat};
use libproc::proc_pid::{PIDInfo, PidInfoFlavor, listpidinfo, pidinfo};
use libproc::processes::{ProcFilter, pids_by_type};
use sysctl::{Ctl, CtlValue, Sysctl as _};

use super::facts::{Descriptor, FileId, ProcessFacts, TargetFile, arguments_and_environment};

/// The kernel.
pub(super) struct Kernel;

/// `FWRITE` of `sys/fcntl.h`: a descriptor open for writing.
const CAN_WRITE: u32 = 0x2;

/// `CTL_KERN` and `KERN_PROCARGS2` of `sys/sysctl.h`.
const ARGUMENTS: [i32; 2] = [1, 49];

/// A file: `struct vnode_info` of `sys/proc_info.h`.
#[repr(C)]
#[derive(Default)]
struct Vnode {
    file: VInfoStat,
    kind: i32,
    padding: i32,
    file_system: [i32; 2],
}

/// An open file: `struct vnode_fdinfo`.
#[repr(C)]
#[derive(Default)]
struct OpenFile {
    descriptor: ProcFileInfo,
    vnode: Vnode,
}

/// A file and its path of up to 1024 bytes: `struct vnode_info_path`.
#[repr(C)]
#[derive(Default)]
struct Named {
    vnode: Vnode,
    path: [[u8; 32]; 32],
}

/// The working folder and the root of a process: `struct proc_vnodepathinfo`.
#[repr(C)]
#[derive(Default)]
struct Folders {
    working: Named,
    root: Named,
}

/// The kernel writes exactly as many bytes as its own structures have.
const _: () = assert!(size_of::<OpenFile>() == 176 && size_of::<Folders>() == 2352);

impl PIDInfo for Folders {
    fn flavor() -> PidInfoFlavor {
        PidInfoFlavor::VNodePathInfo
    }
}

impl PIDFDInfo for OpenFile {
    fn flavor() -> PIDFDInfoFlavor {
        PIDFDInfoFlavor::VNodeInfo
    }
}

fn number(process: u32) -> Option<i32> {
    i32::try_from(process).ok()
}

/// Returns the arguments and the environment of a process.
fn command_line(process: u32) -> Option<(Vec<String>, Vec<String>)> {
    let [kern, arguments] = ARGUMENTS;
    match Ctl::Oid(vec![kern, arguments, number(process)?]).value() {
        Ok(CtlValue::Node(description)) => arguments_and_environment(&description),
        _ => None,
    }
}

fn info(process: u32) -> Option<BSDInfo> {
    pidinfo::<BSDInfo>(number(process)?, 0).ok()
}

impl ProcessFacts for Kernel {
    fn processes(&self) -> Option<Vec<u32>> {
        let uid = rustix::process::geteuid().as_raw();
        pids_by_type(ProcFilter::ByUID { uid }).ok()
    }

    fn parent(&self, process: u32) -> Option<u32> {
        Some(info(process)?.pbi_ppid)
    }

    fn started(&self, process: u32) -> Option<u64> {
        let info = info(process)?;
        Some(info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec)
    }

    fn user(&self, process: u32) -> Option<u32> {
        Some(info(process)?.pbi_uid)
    }

    fn children(&self, process: u32) -> Option<Vec<u32>> {
        pids_by_type(ProcFilter::ByParentProcess { ppid: process }).ok()
    }

    fn writes(&self, process: u32, wanted: &[TargetFile]) -> Vec<Descriptor> {
        let Some((number, info)) = number(process).zip(info(process)) else {
            return Vec::new();
        };
        let most = usize::try_from(info.pbi_nfiles).unwrap_or_default();
        let descriptors = listpidinfo::<ListFDs>(number, most).unwrap_or_default();
        descriptors
            .iter()
            .filter(|descriptor| matches!(descriptor.proc_fdtype.into(), ProcFDType::VNode))
            .filter_map(|descriptor| {
                let open: OpenFile = pidfdinfo(number, descriptor.proc_fd).ok()?;
                let can_write = open.descriptor.fi_openflags & CAN_WRITE != 0;
                let wanted = wanted
                    .iter()
                    .position(|wanted| is(&open.vnode.file, wanted.id))?;
                let number = u32::try_from(descriptor.proc_fd).ok()?;
                can_write.then_some(Descriptor { number, wanted })
            })
            .collect()
    }

    fn arguments(&self, process: u32) -> Option<Vec<String>> {
        command_line(process).map(|(arguments, _)| arguments)
    }

    fn environment(&self, process: u32) -> Option<Vec<String>> {
        command_line(process).map(|(_, environment)| environment)
    }

    fn folder(&self, process: u32) -> Option<PathBuf> {
        let folders: Folders = pidinfo(number(process)?, 0).ok()?;
        let path = folders.working.path.as_flattened();
        let end = path.iter().position(|byte| *byte == 0)?;
        let path = path.get(..end).filter(|path| !path.is_empty())?;
        Some(PathBuf::from(OsString::from_vec(path.to_vec())))
    }
}

/// Whether this is the file. Here a device number has 32 bits, which `stat` sign-extends.
fn is(file: &VInfoStat, id: FileId) -> bool {
    u64::from(file.vst_dev) == id.device & u64::from(u32::MAX) && file.vst_ino == id.inode
}
