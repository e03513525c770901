// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a driver does: rows of accesses, by device, that get past a protocol to where the work is
 * done. Random accesses alone do not find a command of nine bytes, or a packet behind a command.
 *
 * A row is words; an underscore is a digit that the fuzzer chooses. Numbers are hexadecimal, and as
 * wide as they are written.
 *	A17=2c		write 2Ch to offset 17h of region 0 (B: region 1, ...); A17 reads a byte, A17.4 four
 *	&3c4=0f02	the same at a port;	#a0000=ff at an address
 *	%40=8000	configuration space
 *	@1000=00a5...	bytes in memory
 *	~14		2^20 ns pass
 * and *80 after any of them: 80h times. The first rows of a device are those that a driver begins with.
 */
#include "tests/fuzz/input.h"
#include "tests/host/world.h"

struct recipe {
	const char *device, *row;	/* all in whose name that stands */
};

/* The task file of an IDE command, and a PRD table of two entries. */
#define TASK "A6=e_ A2=__ A3=__ A4=0_ A5=00 "
#define TASK48 "A6=e0 A2=0_ A3=00 A4=00 A5=00 A2=__ A3=__ A4=0_ A5=00 "
#define PRD "E0=00 E2=66 @1000=00001_00__0_000000002000000_0080 E4=00001000 "
#define PACKET "A6=_0 A1=0_ A4=__ A5=__ A7=a0 ~10 "
#define DRQ_IN "~14 A0.2*200 A7 "

/* 8237 channel 2: to memory 46h, from memory 4Ah. */
#define DMA2(mode) "&d6=c0 &d4=00 &0a=06 &0c=00 &0b=" mode " &04=00 &04=__ &81=0_ &05=ff &05=__ &0a=02 "
#define FDC_RESULT "~14 A5*7 "

#define TX_GO "A3810=00000000 A3818=0000000_"
#define HEADERS "@300000=ffffffffffff525400123456080045000028000040004006____0a0000010a0000020050" \
		"005000000000000000005_1010000000____"
#define RX_RING "@210000=0000400000000000000000000000000000104000000000000000000000000000" \
		"00204000000000000000000000000000______00____000000000000000000__ "

/* Cirrus: where a blit goes and how large it is. */
#define BLIT "&3c4=1206 &3ce=__20 &3ce=0_21 &3ce=__22 &3ce=0_23 &3ce=__24 &3ce=0_25 &3ce=__26 &3ce=0_27 " \
	     "&3ce=__28 &3ce=__29 &3ce=__2a &3ce=__2c &3ce=__2d &3ce=__2e &3ce=__00 &3ce=__01 "

static const struct recipe recipes[] = {
	/* 82077AA, command table 5-1 */
	{ "isa-fdc", "A2=00 A2=1c A5=08 A5*2 A5=08 A5*2 A5=08 A5*2 A5=08 A5*2 B0=0_ A5=03 A5=_f "
		"A5=0_" },
	{ "isa-fdc", "A5=0f A5=0_ A5=__ ~18 A5=08 A5*2" },
	{ "isa-fdc", "A5=07 A5=0_ ~18 A5=08 A5*2" },
	{ "isa-fdc", DMA2("46") "A5=_6 A5=0_ A5=0_ A5=0_ A5=0_ A5=0_ A5=__ A5=1b A5=ff "
		FDC_RESULT },
	{ "isa-fdc", DMA2("46") "A5=e6 A5=00 A5=00 A5=00 A5=0_ A5=02 A5=12 A5=1b A5=ff "
		FDC_RESULT },
	{ "isa-fdc", DMA2("4a") "A5=_5 A5=0_ A5=0_ A5=0_ A5=0_ A5=02 A5=__ A5=1b A5=ff "
		FDC_RESULT },
	{ "isa-fdc", DMA2("4a") "A5=4d A5=0_ A5=02 A5=0_ A5=1b A5=__ " FDC_RESULT },
	{ "isa-fdc", DMA2("4_") "A5=42 A5=0_ A5=0_ A5=0_ A5=0_ A5=02 A5=__ A5=1b A5=ff "
		FDC_RESULT },
	{ "isa-fdc", "A5=d6 A5=_0 A5=0_ A5=0_ A5=0_ A5=02 A5=__ A5=1b A5=__ " FDC_RESULT },
	{ "isa-fdc", "A5=03 A5=df A5=03 A5=e6 A5=0_ A5=00 A5=00 A5=01 A5=02 A5=__ A5=1b A5=ff "
		"A5*240 ~14 A5*7" },
	{ "isa-fdc", "A5=03 A5=df A5=03 A5=c5 A5=0_ A5=00 A5=00 A5=01 A5=02 A5=01 A5=1b A5=ff "
		"A5=__*200 ~14 A5*7" },
	{ "isa-fdc", "A5=03 A5=df A5=03 A5=4d A5=00 A5=02 A5=0_ A5=1b A5=__ A5=00 A5=00 A5=0_ "
		"A5=02 A5=0_*40 ~14 A5*7" },
	{ "isa-fdc", "A5=4a A5=0_ " FDC_RESULT },
	{ "isa-fdc", "A5=04 A5=0_ A5 A5=13 A5=00 A5=__ A5=__ A5=12 A5=__ A5=_4 A5 A5=0e A5*a "
		"A5=10 A5" },
	{ "isa-fdc", "A5=_f A5=0_ A5=__ ~18 A5=08 A5*2" },
	{ "isa-fdc", "A5=__ A5=__ A5=__ A5=__ A5=__ A5=__ A5=__ A5=__ A5=__ " FDC_RESULT },
	{ "isa-fdc", "A4=__ A2=__ A3=0_ B0=0_ B0 A0 A1 A4" },

	/* ATA/ATAPI-6, and SFF-8038i for the bus master */
	{ "ide", "A6=e0 A7=ec " DRQ_IN },
	{ "ide", "A6=f0 A7=a1 " DRQ_IN },
	{ "ide", TASK "A7=20 " DRQ_IN },
	{ "ide", TASK "A7=30 A0=________*80 ~10 A7 A0=________*80 ~10 A7" },
	{ "ide", "A6=e0 A2=__ A7=c6 " TASK "A7=c4 " DRQ_IN },
	{ "ide", "A6=e0 A2=10 A7=c6 " TASK "A7=c5 A0=________*400 ~14 A7" },
	{ "ide", TASK48 "A7=24 " DRQ_IN },
	{ "ide", TASK48 "A7=34 A0=____*200 ~14 A7" },
	{ "ide", "A6=e0 A2=08 A7=c6 " TASK48 "A7=29 " DRQ_IN TASK48 "A7=39 A0=________*400 ~14" },
	{ "ide", "%04=0007 " PRD TASK "A7=c8 E0=09 ~14 E2 E0=00 A7" },
	{ "ide", "%04=0007 " PRD TASK "A7=ca E0=01 ~14 E2 E0=00 A7" },
	{ "ide", "%04=0007 " PRD TASK48 "A7=25 E0=09 ~14 E2 E0=00 A7" },
	{ "ide", "%04=0007 " PRD TASK48 "A7=35 E0=01 ~14 E2 E0=00 A7" },
	{ "ide", "E0=00 @1000=____________00__ E4=0000100_ A6=e0 A2=__ A3=__ A7=c_ E0=0_ ~14 "
		"E0=0_ ~14 E2" },
	{ "ide", "A6=e_ A1=__ A2=__ A3=__ A4=__ A5=__ A7=__ ~14 A7" },
	{ "ide", "A6=e0 A1=__ A2=__ A7=ef A7" },
	{ "ide", "A6=_0 A1=d_ A4=4f A5=c2 A7=b0 " DRQ_IN },
	{ "ide", "A6=_0 A7=_7 ~14 A6=_0 A7=f8 A3 A4 A5 A2=00 A7=27 A3" },
	{ "ide", "A6=_0 A7=e_ ~14 A2 A7=e_ A7" },
	{ "ide", "A6=e0 A1=__ A2=__ A3=__ A4=__ A5=__ A7=f9 A6=40 A2=__ A3=__ A4=__ A5=__ A7=37 "
		"A6=_0 A7=ec " DRQ_IN },
	{ "ide", "B0=04 B0=0_ ~20 A7 B0=80 A1 B0=00" },

	/* Packets: MMC-3; the low byte of a word goes first */
	{ "ide", PACKET "A0=0028 A0=0000 A0=__00 A0=0_00 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=00a8 A0=0000 A0=0_00 A0=0000 A0=0_00 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=__be A0=0000 A0=0_00 A0=0000 A0=__0_ A0=0000 " DRQ_IN },
	{ "ide", "%04=0007 " PRD "A6=_0 A1=01 A4=00 A5=80 A7=a0 A0=0028 A0=0000 A0=0_00 A0=0_00 "
		"A0=0000 A0=0000 E0=09 ~14 E2 E0=00" },
	{ "ide", PACKET "A0=0012 A0=0000 A0=00__ A0=0000 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0003 A0=0000 A0=00__ A0=0000 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=005a A0=00__ A0=0000 A0=0_00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0_43 A0=000_ A0=0000 A0=0_00 A0=_0__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0_46 A0=__00 A0=0000 A0=0_00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0_4a A0=0000 A0=00__ A0=0000 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0_51 A0=____ A0=____ A0=__00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0_52 A0=____ A0=____ A0=__00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=__42 A0=0_40 A0=0000 A0=0_00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=__ad A0=____ A0=00__ A0=0_00 A0=00__ A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=1055 A0=0000 A0=0000 A0=0_00 A0=00__ A0=0000 ~10 A0=____*80 A7" },
	{ "ide", PACKET "A0=001b A0=0000 A0=000_ A0=0000 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=001e A0=0000 A0=000_ A0=0000 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=0025 A0=0000 A0=0000 A0=0000 A0=0000 A0=0000 " DRQ_IN },
	{ "ide", PACKET "A0=____ A0=____ A0=____ A0=____ A0=____ A0=____ " DRQ_IN },

	/* 317453, chapters 3 and 13 */
	{ "e1000", "%04=0007 A3800=00200000 A3808=00000100 A3810=00000000 A3818=00000000 "
		"A0400=0000000a A0000=00000041 " "A2800=00210000 A2808=00000080 A2810=00000000 "
		"A2818=00000007 " RX_RING "A5000=00000_00 A0100=0_0_8__a" },
	{ "e1000", "A2800=00210000 A2808=00000_00 A2810=00000000 A2818=0000000_ " RX_RING
		"A0100=0___8__2" },
	{ "e1000", RX_RING "A0100=0_0_8_1a A0000=4_000_41 A5000=00000_00 A2810=00000000 "
		"A2818=00000003" },
	{ "e1000", HEADERS " @200000=00003000000000003_0__0_b00__0000 A3810=00000000 "
		"A3818=00000001" },
	{ "e1000", HEADERS " "
		"@200000=0000300000000000________0_______0000310000000000_________b______ " TX_GO },
	{ "e1000", HEADERS " @200000=0e1821002232000000__002d0036__0_0000300000000000"
		   "00__102f0003____0000310000000000________00030000 " TX_GO },
	{ "e1000", HEADERS " "
		"@200000=0e1821002232000000__002_00______0000300000000000____1_2_000_____"
		"0000310000000000____1_2_000_____ " TX_GO },
	{ "e1000", "A0020=0420____" },
	{ "e1000", "A0020=042_____ A0020.4 A0020=082_0000 A0020.4" },
	{ "e1000", "A0014=0000__01 A0014.4 A0014=00______ A0014.4" },
	{ "e1000", "A0010=00000002 A0010=0000000_*20 A0010.4 A0010=0000000_*40 A0010=00000000" },
	{ "e1000", "A5400=12005452 A5404=8000563_ A52_0=________ A56_0=________ A0038=0000____ "
		"A0000=4_____41" },
	{ "e1000", "A00d0=________ A00c4=000000__ A00c8=________ ~14 A00c0.4 A00d8=________" },
	{ "e1000", "A2820=_000000_ A282c=0000000_ A3820=0000000_ A382c=0000000_ A00d0=ffffffff "
		"~20" },
	{ "e1000", "A4___.4*10 B0=0000____ B4=________ B4.4" },
	{ "e1000", "A0000=0___0___ A0000.4 A1000=________ A0100=________ A0400=________" },

	/* docs/specs/fw_cfg.rst */
	{ "fw_cfg", "A0=00__ A1*40" },
	{ "fw_cfg", "@1000=00__000_0000__0_00000000000_0000 B0=00000000 B4=00100000 ~4" },
	{ "fw_cfg", "@1000=00190_0a000000__000000000000____0 B4=00100000 "
		"@1000=0000000_0000000_0000000000__0000 B4=00100000" },
	{ "fw_cfg", "@1000=000___0________________________ B0=0_000000 B4=00100000 B0.4 B4.4" },

	/* JESD68.01, Intel command set */
	{ "pflash", "A____=40 A0____=__" },
	{ "pflash", "A____=10 A0____=________" },
	{ "pflash", "A______=20 A______=d0 A0" },
	{ "pflash", "A_____=e8 A_____=__ A_____=________*10 A0=d0 A0" },
	{ "pflash", "A0=e8 A0=ff A00=__*100 A0=d0 A0=70 A0" },
	{ "pflash", "A0=e8 A0=0f A3fffff=________*4 A0=d0 A0=70 A0" },
	{ "pflash", "A0=90 A0 A1 A2 A_0000.4 A0=ff" },
	{ "pflash", "A0=98 A0.2*40 A10.8 A__ A0=ff" },
	{ "pflash", "A0=60 A_____=__ A0 A0=60 A0=d0 A0=70 A0.8 A0=50 A0=ff A____.8" },

	{ "hpet", "A10=0000000_ A20=00000000 A100=0000____ A108=________ A10=00000001 ~18 Af0.8 "
		"A20=0000000_" },
	{ "hpet", "A120=000000000000_1_e A128=00000000________ A10=00000001 ~1c A20.4 "
		"A20=00000007" },

	{ "i8042", "B0=60 A0=__ B0=d_ A0=__ A0 B0 B0=d4 A0=__ A0=__ A0*4" },
	{ "i8042", "B0=60 A0=47 B0=d4 A0=f3 B0=d4 A0=c8 B0=d4 A0=f3 B0=d4 A0=64 B0=d4 A0=f3 "
		"B0=d4 A0=50 B0=d4 A0=f2 B0=d4 A0=f4 A0*10" },
	{ "i8042", "A0=f0 A0=0_ A0=ed A0=0_ A0=f3 A0=__ A0=f_ A0*8 B0=ad B0=a_ B0=a_ A0" },
	{ "i8042", "B0=aa A0 B0=ab A0 B0=a9 A0 B0=c0 A0 B0=d0 A0 B0=d1 A0=__ B0=d2 A0=__ A0 "
		"B0=d3 A0=__ A0 B0=f_" },

	{ "i8257", "A8=__ Ab=__ Ac=00 A_=__ A_=__ Aa=0_ A_ A_" },
	{ "uart16550", "A3=8_ A0=__ A1=__ A3=__ A2=__ A1=0_ A0=__*14 A2 A5 A0*14 A4=__ A6" },
	{ "rtc", "A0=0a A1=2_ A0=0b A1=__ ~1e A0=0c A1" },
	{ "rtc", "A0=0b A1=__ A0=0_ A1=__ A0=0_ A1=__ A0=0_ A1=__ A0=0b A1=_2 ~1f A0=0c A1" },
	{ "i440fx", "%59=__ %5_=__ #c____=________ #f____.4 #e____.8" },
	{ "i440fx", "A0=8000__0_ A4=________ A4.4 A0=80__0_0_ A_=__" },
	{ "piix4-pm", "%40=0000__01 %80=01 A0=____ A2=____ A4=____ A8.4 ~1f A0.2" },
	{ "piix3", "%60=0_0_0_0_ %4_=__ A1=0_ A1" },

	/* The IBM manual's modes 3, 12h and 13h, as far as a picture needs them */
	{ "VGA", "&3c2=67 &3c4=0300 &3c4=0001 &3c4=0302 &3c4=0_03 &3c4=0204 &3d4=0e11 &3d4=5f00 "
		"&3d4=4f01 &3d4=1f07 " "&3d4=4f09 &3d4=0d0a &3d4=0e0b &3d4=__0c &3d4=__0d "
		"&3d4=__0e &3d4=__0f &3d4=8f12 &3d4=2813 &3d4=a317 &3ce=1005 " "&3ce=0e06 &3da "
		"&3c0=10 &3c0=0_ &3c0=20 #b8000=________*40" },
	{ "VGA", "&3c2=e3 &3c4=0300 &3c4=0101 &3c4=0f02 &3c4=0604 &3d4=0011 &3d4=5f00 &3d4=4f01 "
		"&3d4=3e07 &3d4=4009 &3d4=df12 " "&3d4=2813 &3d4=0014 &3d4=e317 &3ce=__00 "
		"&3ce=0_01 &3ce=__03 &3ce=0005 &3ce=0506 &3ce=__08 &3da &3c0=10 " "&3c0=01 "
		"&3c0=20 #a____=________*20 #a____.4" },
	{ "VGA", "&3c2=63 &3c4=0300 &3c4=0101 &3c4=0f02 &3c4=0e04 &3d4=0011 &3d4=5f00 &3d4=4f01 "
		"&3d4=1f07 &3d4=4109 &3d4=8f12 " "&3d4=2813 &3d4=4014 &3d4=a317 &3ce=4005 "
		"&3ce=0506 &3da &3c0=10 &3c0=41 &3c0=20 #a____=________*20" },
	{ "VGA", "&3c4=__0_ &3d4=____ &3ce=__0_ &3da &3c0=__ &3c0=__ &3c0=20 #a____.8 "
		"#a____=________________" },
	{ "VGA", "&3d4=00__ &3d5=__ &3d5 &3c8=__ &3c9=__*6 &3c7=__ &3c9*6 &3c6=__ &3cc &3ca &3c1" },
	{ "VGA", "&3ce=0_05 &3ce=0_06 &3c4=0_02 &3c4=0_04 &3ce=__04 #a____=____ #a____.2 "
		"#b____=__" },
	/* Bochs VBE */
	{ "VGA", "B508=0000 B502=0_80 B504=0__0 B506=00__ B508=00_1 #e000____=________*8" },
	{ "VGA", "B508=0000 B502=0400 B504=0300 B506=0020 B508=0041 B50c=____ B50e=0___ "
		"B510=0___ B512=____ #e0000000=________*10" },
	{ "VGA", "&1ce=000_ &1d0=____ &1ce=0005 &1d0=00__ #a____=____" },

	/* CL-GD5446, chapters 5 and 9 */
	{ "cirrus-vga", "&3c4=1206 &3c4=__07 &3d4=__1b &3d4=__1d &3ce=__0b &3ce=__09 &3ce=__0a "
		"#a____=________*10" },
	{ "cirrus-vga", BLIT "&3ce=__30 &3ce=0_32 &3ce=0_33 &3ce=0231 ~10 #a____=________*80" },
	{ "cirrus-vga", BLIT "&3ce=0030 &3ce=0d32 &3ce=0033 &3ce=__31" },
	{ "cirrus-vga", BLIT "&3ce=0130 &3ce=__32 &3ce=0033 &3ce=0231" },
	{ "cirrus-vga", BLIT "&3ce=_430 &3ce=__32 &3ce=0_33 &3ce=0231 #a____=________*100" },
	{ "cirrus-vga", BLIT "&3ce=_030 &3ce=0d32 &3ce=0433 &3ce=0231" },
	{ "cirrus-vga", BLIT "&3ce=_c30 &3ce=0d32 &3ce=0_33 &3ce=__2f &3ce=__10 &3ce=__11 "
		"&3ce=__12 &3ce=__13 &3ce=0231 #a____=________*40" },
	{ "cirrus-vga", BLIT "&3ce=_030 &3ce=__32 &3ce=0_33 &3ce=__34 &3ce=__35 &3ce=0231" },
	{ "cirrus-vga", "&3c4=1206 &3c4=__10 &3c4=__30 &3c4=0512 &3c4=__13 &3c4=__11 &3c8=00 "
		"&3c9=__*3 &3c4=0_12" },
	{ "cirrus-vga", "&3c4=1206 &3c4=0300 &3c4=_107 &3c2=ef &3d4=a317 &3d4=0011 &3d4=5f00 "
		"&3d4=4f01 &3d4=3e07 &3d4=df12 &3d4=__13 &3d4=2_1b " "&3ce=0506 &3ce=4005 "
		"&3c4=0f02 &3c4=0e04 &3c4=0101 &3da &3c0=10 &3c0=41 &3c0=20 #a____=________*20" },
	{ "cirrus-vga", "&3c6*4 &3c6=__ &3c4=__17 C__=__ C__=____ C40=0_ C1_.4 A______=________ "
		"A3fff__=________ A______.8" },
	{ "cirrus-vga", "&3c4=__0_ &3c4=__1_ &3d4=__1_ &3d4=__2_ &3ce=__0_ &3c5 &3cf &3d5 "
		"&3d4=0_25 &3d5 &3d4=0027 &3d5" },
	{ "cirrus-vga", "B______=________*8 B0__.8 B____=____ E____=________*8 E____.8 "
		"F___=________ F1__.4" },

	/* virtio 1.2: the common configuration by its offsets, and the older interface */
	{ "virt", "C14=00 C14=01 C14=03 C08=00000000 C0c=________ C08=00000001 C0c=00000001 "
		"C14=0b C14 C16=000_ C18=00__ " "C1c=0001 C20=0020_000 C24=00000000 C28=00204000 "
		"C2c=00000000 C30=00208000 C34=00000000 C14=0f C3000=0000" },
	{ "virt", "C16=000_ C1a=000_ C10=000_ C3a=0001 C3a.2 C00=000000__ C04.4 C2000.4*8 "
		"C20__=__ C1000 C12.2 C15" },
	{ "virt", "A12=00 A12=01 A12=03 A00.4 A04=________ A0e=000_ A0c.2 A08=00000_00 A12=07 "
		"A10=000_ A13 A14.4 A1_=__" },
	{ "virt", "A70=00000000 A70=00000001 A70=00000003 A24=00000000 A20=________ A24=00000001 "
		"A20=00000001 A70=0000000b " "A30=0000000_ A38=000000__ A80=0020_000 "
		"A84=00000000 A90=00204000 A94=00000000 Aa0=00208000 " "Aa4=00000000 "
		"A44=00000001 A70=0000000f A50=0000000_ A60.4 A64=0000000_" },
	{ "virt", "A28=00001000 A30=0000000_ A38=000000__ A3c=00001000 A40=00000_00 A70=00000007 "
		"A50=0000000_ A100.4*8 A1__=__" },
};

/* --- reading a row --- */

struct reader {
	const char *at;
	struct input *in;
	unsigned int digits;		/* of the last number */
	uint64_t mix;			/* where digits come from after a word's first time */
	bool again;
};

static bool is_digit(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The first time by the fuzzer; what a word is repeated with follows from that. */
static uint64_t chosen(struct reader *r)
{
	uint64_t val = r->again ? r->mix >> 60 : take(r->in, 1) & 15;

	r->mix = (r->mix + val) * 6364136223846793005ull + 1;
	return val;
}

static uint64_t number(struct reader *r, unsigned int most)
{
	uint64_t val = 0;

	for (r->digits = 0; is_digit(*r->at) && r->digits < most; r->digits++, r->at++) {
		char c = *r->at;

		val = val << 4 | (c == '_' ? chosen(r) :
				  c <= '9' ? (uint64_t)(c - '0') : (uint64_t)(c - 'a' + 10));
	}
	return val;
}

static void bytes(struct reader *r, uint64_t at)
{
	uint8_t val;

	while (is_digit(*r->at)) {
		val = (uint8_t)number(r, 2);
		dma_write(bus, at++, &val, 1);
	}
}

static unsigned int width(unsigned int digits)
{
	return digits > 8 ? 8 : digits > 4 ? 4 : digits > 2 ? 2 : 1;
}

static void access(const struct fuzzed *f, char where, uint64_t at, uint64_t val, unsigned int size,
		   bool write)
{
	enum bus_space space = where == '&' ? BUS_PORT : BUS_MMIO;
	unsigned int region = (unsigned int)(where - 'A');

	if (where == '%') {
		if (f->dev->cls->pci && write)
			config_write(f->devfn, (unsigned int)at & ~(size - 1) & 0xff, (uint32_t)val, size);
		return;
	}
	if (where != '&' && where != '#') {
		if (region >= f->dev->cls->nr_regions || at >= f->dev->region_len[region])
			return;
		space = f->dev->cls->regions[region].space;
		at += f->base_of(region);
	}
	if (space == BUS_PORT && size == 8)
		size = 4;
	bus_access(bus, space, at, &val, size, write);
}

/* One word; the times that stand behind it are looked up first. */
static const char *word(const struct fuzzed *f, const char *text, struct input *in)
{
	const char *end = text + strcspn(text, " "), *star = memchr(text, '*', (size_t)(end - text));
	unsigned long times = star ? strtoul(star + 1, NULL, 16) : 1;
	struct reader r = { .in = in };

	for (; times--; r.again = true) {
		uint64_t at, val = 0;
		unsigned int size = 1;
		bool write;

		r.at = text + 1;
		at = number(&r, 16);
		write = *r.at == '=';
		if (*text == '~') {
			pass(1ull << (at & 63));
			continue;
		}
		if (*text == '@') {
			r.at++;
			bytes(&r, at);
			continue;
		}
		if (write) {
			r.at++;
			val = number(&r, 16);
			size = width(r.digits);
		} else if (*r.at == '.') {
			size = (unsigned int)(r.at[1] - '0');
		}
		access(f, *text, at, val, size, write);
	}
	return end + strspn(end, " ");
}

bool fuzz_recipe(const struct fuzzed *f, unsigned int which, struct input *in)
{
	const struct recipe *mine[ARRAY_SIZE(recipes)];
	unsigned int i, n = 0;
	const char *at;

	for (i = 0; i < ARRAY_SIZE(recipes); i++)
		if (strcasestr(f->kind, recipes[i].device))
			mine[n++] = &recipes[i];
	if (!n)
		return false;
	for (at = mine[which % n]->row; *at;)
		at = word(f, at, in);
	return true;
}
